"""Blocks on their way: built, fetched, checked, committed, recovered."""
