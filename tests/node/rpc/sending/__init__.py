"""Tests of unsigned transactions."""
