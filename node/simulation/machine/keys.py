"""Cheap signatures and names of hosts.

A signature is a keyed hash under a secret of its simulation that only the signer holds:
no code under test makes one otherwise, and checking costs a microsecond. Hosts are
called A, B, C, ... in ascending order of address; a twin of A is called A2.
"""

from hashlib import blake2b

from node.primitives.secp256k1 import SignatureError
from node.primitives.types import Address, Hash32, Signature

NAMES = "ABCDEFGHIJKLMNOPQRSTUV"
SECRET = b"simulated signatures"


def address_of(name: str) -> Address:
    """The validator of a host; a twin shares it."""
    return Address(bytes([0xA0 + NAMES.index(name[0])]) * 20)


def name_of(address: Address) -> str:
    """The other way round; "?" for nobody's."""
    at = address[0] - 0xA0
    if 0 <= at < len(NAMES) and address == bytes([address[0]]) * 20:
        return NAMES[at]
    return "?"


def _seal(address: Address, digest: Hash32) -> bytes:
    return blake2b(address + digest, key=SECRET, digest_size=44).digest()


class SimulatedSigner:
    """`node.chain.signing.Signer`."""

    def __init__(self, name: str) -> None:
        self.address = address_of(name)

    def sign(self, digest: Hash32) -> Signature:
        """Address and keyed hash, with a recovery id."""
        return Signature(self.address + _seal(self.address, digest) + b"\0")


class SimulatedVerifier:
    """`node.chain.signing.Verifier` of what SimulatedSigner made."""

    def recover(self, digest: Hash32, signature: bytes) -> Address:
        """The signer. Raises SignatureError."""
        author = Address(bytes(signature[:20]))
        if signature[20:] != _seal(author, digest) + b"\0":
            raise SignatureError("not a signature of this digest")
        return author
