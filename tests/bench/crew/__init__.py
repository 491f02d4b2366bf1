"""Tests of load from several generators."""
