"""Tests of bench/trial."""
