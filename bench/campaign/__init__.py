"""A campaign: which trials a run is made of, in which order, and what is left to do."""
