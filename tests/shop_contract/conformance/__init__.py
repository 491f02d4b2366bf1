"""Tests of the vectors and their runner."""
