"""Executing blocks: one protocol, a reference in Python and a fast twin in Rust."""
