"""The matrix of single points of failure: each component, fault and operation."""
