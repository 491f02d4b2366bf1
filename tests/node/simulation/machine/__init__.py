"""The simulated machine keeps the promises of a real one, and no more."""
