"""Tests of node.rpc.explorer."""
