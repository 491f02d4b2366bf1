"""Checks: the history first, the verdict afterwards, from the history and the audit."""
