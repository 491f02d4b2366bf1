"""Tests of bench/faults."""
