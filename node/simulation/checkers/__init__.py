"""Verdicts over the history of a simulation; each checker knows one claim."""
