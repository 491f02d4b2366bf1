"""Tests of the centralized ladder."""
