"""Byte strings with a meaning.

The types cost nothing at run time; the constructors of untrusted input
(`hash32`, `address`) check lengths and belong at the boundary.
"""

from typing import NewType

Hash32 = NewType("Hash32", bytes)
"""32 bytes: a keccak hash or a storage word."""

Address = NewType("Address", bytes)
"""20 bytes: an account."""

Signature = NewType("Signature", bytes)
"""65 bytes: r (32) || s (32) || recovery id (1, 0 or 1); s in the lower half."""

ZERO_HASH = Hash32(bytes(32))
ZERO_ADDRESS = Address(bytes(20))


def hash32(raw: bytes) -> Hash32:
    """Check the length of a 32-byte word. Raises ValueError."""
    if len(raw) != 32:
        raise ValueError(f"expected 32 bytes, got {len(raw)}")
    return Hash32(raw)


def address(raw: bytes) -> Address:
    """Check the length of an address. Raises ValueError."""
    if len(raw) != 20:
        raise ValueError(f"expected an address of 20 bytes, got {len(raw)}")
    return Address(raw)
