"""Tests of the dev chain."""
