"""Tests of the composed node."""
