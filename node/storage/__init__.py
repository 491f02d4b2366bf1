"""What survives a crash: block store, safety log, state directory."""
