"""Local networks: generator, supervisor, dev chain."""
