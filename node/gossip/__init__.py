"""Spreading transactions: announce, request, relay, deduplicate. Pure."""
