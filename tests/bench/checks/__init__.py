"""Tests of bench/checks."""
