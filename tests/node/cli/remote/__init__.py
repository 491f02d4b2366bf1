"""Commands that ask a running node, or none."""
