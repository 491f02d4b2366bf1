"""The simulator finds what is planted, and nothing in what stands."""
