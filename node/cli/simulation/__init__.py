"""Commands about simulated networks."""
