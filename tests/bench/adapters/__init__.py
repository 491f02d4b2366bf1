"""Tests of bench/adapters."""
