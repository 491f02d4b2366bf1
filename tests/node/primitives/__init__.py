"""Tests of bytes, hashes, signatures and RLP."""
