"""Tests of bench/targets."""
