"""The same shop on the ladder of centralized architectures."""
