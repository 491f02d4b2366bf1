"""Tests of bench/report/series."""
