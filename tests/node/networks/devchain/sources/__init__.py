"""Tests of node.networks.devchain.sources."""
