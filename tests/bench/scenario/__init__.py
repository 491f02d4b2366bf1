"""Tests of bench/scenario."""
