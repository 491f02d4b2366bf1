"""A chain of one process for development: seals at once, and obeys cheat methods."""
