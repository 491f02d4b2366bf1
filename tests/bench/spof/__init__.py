"""Tests of the matrix of single points of failure."""
