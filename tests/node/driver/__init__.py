"""Tests of node/driver."""
