"""Tests of the methods, by subject."""
