"""Raw transactions of every type, signed with keys made from words."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from node.chain.transaction import ACCESS_LIST, DYNAMIC_FEE, LEGACY, SET_CODE
from node.primitives import rlp
from node.primitives.keccak import keccak256
from node.primitives.secp256k1 import PrivateKey
from node.primitives.types import Address

CHAIN_ID = 7001
GWEI = 10**9


@cache
def key_of(word: str) -> PrivateKey:
    """The same key for the same word."""
    return PrivateKey(keccak256(word.encode()))


def address_of(word: str) -> Address:
    """The account of that key."""
    return key_of(word).address


@dataclass(frozen=True)
class Draft:
    """A transaction to sign; `to` is empty for a creation."""

    to: bytes = b""
    nonce: int = 0
    data: bytes = b""
    value: int = 0
    gas: int = 200_000
    type: int = DYNAMIC_FEE
    max_fee: int = 10 * GWEI
    priority_fee: int = GWEI
    access_list: Sequence[tuple[bytes, Sequence[int]]] = ()
    authorizations: Sequence[bytes] = ()
    chain_id: int = CHAIN_ID

    def sign(self, word: str) -> bytes:
        """The raw transaction."""
        kind = b"" if self.type == LEGACY else bytes((self.type,))
        fields = self._fields()
        unsigned = [*fields, number(self.chain_id), b"", b""]
        signed = fields if kind else unsigned
        signature = key_of(word).sign(keccak256(kind + rlp.encode(signed)))
        v = signature[64] + (0 if kind else 35 + 2 * self.chain_id)
        tail = [number(v), *(word.lstrip(b"\0") for word in _halves(signature))]
        return kind + rlp.encode([*fields, *tail])

    def _fields(self) -> list[rlp.Item]:
        head = [] if self.type == LEGACY else [number(self.chain_id)]
        fees = [number(self.max_fee)]
        if self.type in (DYNAMIC_FEE, SET_CODE):
            fees = [number(self.priority_fee), *fees]
        fields: list[rlp.Item] = [
            *head,
            number(self.nonce),
            *fees,
            number(self.gas),
            self.to,
            number(self.value),
            self.data,
        ]
        if self.type != LEGACY:
            fields.append(
                [
                    [at, [slot.to_bytes(32, "big") for slot in slots]]
                    for at, slots in self.access_list
                ]
            )
        if self.type == SET_CODE:
            fields.append([rlp.decode(raw) for raw in self.authorizations])
        return fields


def legacy(draft: Draft) -> Draft:
    """The same as a legacy transaction."""
    return replace(draft, type=LEGACY)


def with_access_list(draft: Draft) -> Draft:
    """The same as EIP-2930."""
    return replace(draft, type=ACCESS_LIST)


def authorization(word: str, target: bytes, nonce: int, chain_id: int = 0) -> bytes:
    """A signed EIP-7702 authorization, RLP."""
    fields = [number(chain_id), target, number(nonce)]
    signature = key_of(word).sign(keccak256(b"\x05" + rlp.encode(fields)))
    r, s = (half.lstrip(b"\0") for half in _halves(signature))
    return rlp.encode([*fields, number(signature[64]), r, s])


def number(value: int) -> bytes:
    """An integer as RLP has it."""
    return rlp.from_int(value)


def _halves(signature: bytes) -> tuple[bytes, bytes]:
    return signature[:32], signature[32:64]
