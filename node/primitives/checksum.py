"""Addresses as text with a checksum in the case of the letters (EIP-55)."""

from node.primitives.keccak import keccak256
from node.primitives.types import Address


def to_checksum_address(address: Address) -> str:
    """0x and 40 hexadecimal digits, some of them upper case."""
    digits = address.hex()
    digest = keccak256(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if marker >= "8" else digit
        for digit, marker in zip(digits, digest, strict=False)
    )
