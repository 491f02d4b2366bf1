"""Tests of node/sync."""
