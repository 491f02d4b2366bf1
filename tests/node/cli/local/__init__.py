"""Tests of commands that run or make things here."""
