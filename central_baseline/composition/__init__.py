"""From a rung's definition to a plan: every rung from the same few parts."""
