"""Catching up: ask peers for certified blocks, check, apply. Pure."""
