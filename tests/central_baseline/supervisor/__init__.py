"""Tests of central_baseline/supervisor, with real processes."""
