"""Tests of bench/history."""
