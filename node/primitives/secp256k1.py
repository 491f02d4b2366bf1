"""Signatures on secp256k1 through libsecp256k1 (coincurve).

Signing is deterministic (RFC 6979) with s in the lower half; `recover` refuses the
upper half, so that a signed message has one valid signature per key.
"""

import secrets

import coincurve

from node.primitives.keccak import keccak256
from node.primitives.types import Address, Hash32, Signature

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
HALF_ORDER = ORDER // 2


class SignatureError(ValueError):
    """The signature has a wrong form or recovers no key."""


class PrivateKey:
    """A secret key; its representation never shows the secret."""

    def __init__(self, secret: bytes) -> None:
        """Take 32 bytes. Raises ValueError when they are no valid key."""
        if len(secret) != 32:
            raise ValueError("a private key has 32 bytes")
        self._key = coincurve.PrivateKey(secret)
        self.secret = secret
        self.address = address_of(self._key.public_key)

    @classmethod
    def generate(cls) -> "PrivateKey":
        """A fresh key from the system's randomness."""
        while True:
            secret = secrets.token_bytes(32)
            if 0 < int.from_bytes(secret, "big") < ORDER:
                return cls(secret)

    def sign(self, digest: Hash32) -> Signature:
        """Sign a 32-byte digest."""
        return Signature(self._key.sign_recoverable(digest, hasher=None))

    def __repr__(self) -> str:
        return f"PrivateKey(address=0x{self.address.hex()})"


def address_of(key: coincurve.PublicKey) -> Address:
    """The last 20 bytes of the hash of the uncompressed point."""
    return Address(keccak256(key.format(compressed=False)[1:])[12:])


def recover(digest: Hash32, signature: bytes) -> Address:
    """The address that signed the digest. Raises SignatureError."""
    if len(signature) != 65 or signature[64] > 1:
        raise SignatureError("a signature is 65 bytes and ends with 0 or 1")
    if int.from_bytes(signature[32:64], "big") > HALF_ORDER:
        raise SignatureError("s is in the upper half")
    try:
        key = coincurve.PublicKey.from_signature_and_message(
            signature, digest, hasher=None
        )
    except Exception as error:  # coincurve raises plain Exception here
        raise SignatureError("the signature recovers no key") from error
    return address_of(key)
