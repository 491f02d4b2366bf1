"""Customers' keys and their signed transactions (EIP-1559), made by the client.

Keys follow from a seed and hold money that is worth nothing; nobody may use them for
anything else. Signatures are deterministic (RFC 6979), so equal seeds give equal bytes.
"""

from dataclasses import dataclass
from typing import cast

import rlp
from coincurve import PrivateKey
from eth_hash.auto import keccak

DYNAMIC_FEE_TYPE = b"\x02"
TRANSFER_GAS = 21_000


@dataclass(frozen=True, slots=True)
class Fees:
    """What a transaction may pay for gas, in wei; and the chain it is for."""

    chain_id: int
    max_fee: int
    priority_fee: int


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed transaction: its bytes and its hash, as 0x hex for JSON-RPC."""

    raw: str
    digest: str
    nonce: int


class Account:
    """One key pair and its address."""

    def __init__(self, secret: bytes) -> None:
        self._key = PrivateKey(secret)
        public = self._key.public_key.format(compressed=False)[1:]
        self.address_bytes = keccak(public)[-20:]
        self.address = "0x" + self.address_bytes.hex()

    @classmethod
    def derived(cls, seed: str, number: int) -> "Account":
        """The number-th account of a seed."""
        return cls(keccak(f"{seed}/{number}".encode()))

    def sign(self, fees: Fees, nonce: int, call: "Call") -> Signed:
        """Sign one transaction."""
        fields: list[int | bytes | list[bytes]] = [
            fees.chain_id,
            nonce,
            fees.priority_fee,
            fees.max_fee,
            call.gas,
            call.to,
            call.value,
            call.data,
            [],
        ]
        payload = DYNAMIC_FEE_TYPE + _encode(fields)
        signature = self._key.sign_recoverable(keccak(payload), hasher=None)
        parts = (signature[64], signature[:32], signature[32:64])
        fields += [
            int.from_bytes(p, "big") if isinstance(p, bytes) else p for p in parts
        ]
        raw = DYNAMIC_FEE_TYPE + _encode(fields)
        return Signed("0x" + raw.hex(), "0x" + keccak(raw).hex(), nonce)


@dataclass(frozen=True, slots=True)
class Call:
    """What a transaction does: `to` is 20 bytes, `value` in wei."""

    to: bytes
    value: int
    data: bytes
    gas: int


def _encode(fields: list[int | bytes | list[bytes]]) -> bytes:
    return cast("bytes", rlp.encode(fields))
