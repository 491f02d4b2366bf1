"""Transactions that are not signed yet: filled with defaults, encoded."""
