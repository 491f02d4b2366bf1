"""Tests of bench/workload."""
