"""The chain: one process is one node."""
