"""Composition root: builds one node from its directory and runs it."""
