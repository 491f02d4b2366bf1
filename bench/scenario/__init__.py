"""Scenarios: what is asked of every target, declared in a file before the run."""
