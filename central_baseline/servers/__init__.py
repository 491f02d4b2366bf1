"""One module for each kind of real server: how it is configured, started, probed."""
