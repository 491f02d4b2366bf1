"""A small authoritative name server: the nearest healthy edge for each shopper."""
