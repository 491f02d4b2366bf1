"""Faults: injected through the target's supervisor, each moment written down."""
