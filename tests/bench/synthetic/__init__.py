"""Tests of bench/synthetic."""
