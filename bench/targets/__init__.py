"""Bringing targets up and down by their own console commands."""
