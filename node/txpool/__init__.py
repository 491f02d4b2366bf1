"""Transactions that wait: which are admitted, in what order, and how many."""
