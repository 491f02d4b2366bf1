"""The methods that only a dev chain has, by subject."""
