"""Tests of central_baseline/web."""
