"""Tests of bench/campaign."""
