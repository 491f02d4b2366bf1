"""Keccak-256, as Ethereum uses it (the padding from before FIPS 202)."""

from eth_hash.auto import keccak as _keccak

from node.primitives.types import Hash32


def keccak256(data: bytes) -> Hash32:
    """Hash of the bytes."""
    return Hash32(_keccak(data))
