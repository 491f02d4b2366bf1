"""Tests of bench/adapters/chain."""
