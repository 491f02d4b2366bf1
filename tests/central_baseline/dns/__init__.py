"""Tests of central_baseline/dns."""
