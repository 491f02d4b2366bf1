"""Tests of node.rpc.simulating."""
