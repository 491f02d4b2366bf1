"""Workload, faults, checks, statistics and the report of the comparison."""
