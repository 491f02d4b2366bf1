"""Transactions that wait: ordering, replacement, limits. Pure."""
