"""What validators sign, and who may check it.

Every consensus payload is signed over
keccak(rlp([DOMAIN, chain id, genesis hash, code, payload])): a signature is worth
nothing on another chain, for another kind of message, or for a transaction. The commit
seal of a block is the signature of its COMMIT payload.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

from node.primitives import rlp
from node.primitives.keccak import keccak256
from node.primitives.secp256k1 import PrivateKey, recover
from node.primitives.types import Address, Hash32, Signature

DOMAIN = b"chandlery/qbft/1"


class MessageCode(IntEnum):
    """Kinds of signed payloads; the numbers are on the wire and never change."""

    PROPOSAL = 0
    PREPARE = 1
    COMMIT = 2
    ROUND_CHANGE = 3


@dataclass(frozen=True, slots=True)
class SigningDomain:
    """The chain that signatures are bound to."""

    chain_id: int
    genesis_hash: Hash32
    _head: bytes = field(init=False, repr=False, compare=False)
    """The items that are the same in everything that is signed for this chain."""

    def __post_init__(self) -> None:
        parts = [DOMAIN, rlp.from_int(self.chain_id), self.genesis_hash]
        object.__setattr__(self, "_head", b"".join(map(rlp.encode, parts)))

    def digest(self, code: MessageCode, payload: bytes) -> Hash32:
        """What is signed for a payload, itself RLP."""
        code_item = rlp.encode(rlp.from_int(code))
        return keccak256(rlp.encode_list((self._head, code_item, payload)))


class Signer(Protocol):
    """Holds one validator's key. In simulations a cheap keyed hash stands in."""

    @property
    def address(self) -> Address:
        """The validator that signs."""
        ...

    def sign(self, digest: Hash32) -> Signature:
        """Sign a 32-byte digest."""
        ...


class Verifier(Protocol):
    """Tells who signed."""

    def recover(self, digest: Hash32, signature: bytes) -> Address:
        """The signer. Raises node.primitives.secp256k1.SignatureError."""
        ...


class Secp256k1Verifier:
    """The real one."""

    def recover(self, digest: Hash32, signature: bytes) -> Address:
        """The signer. Raises SignatureError."""
        return recover(digest, signature)


def signer_of(secret: bytes) -> Signer:
    """The real signer. Raises ValueError for an invalid key."""
    return PrivateKey(secret)
