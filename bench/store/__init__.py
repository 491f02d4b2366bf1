"""The store: one folder a run, holding all that its report is computed from."""
