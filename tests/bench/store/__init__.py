"""Tests of bench/store."""
