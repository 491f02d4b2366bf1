"""Tests of central_baseline/shop."""
