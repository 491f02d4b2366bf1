"""Transactions as their fields: legacy (EIP-155), 2930, 1559 and 7702 envelopes.

`decode_transaction` reads the canonical encoding and checks field sizes; whether a
transaction may enter a block is the executor's to say. Blob transactions (type 3) are
unknown here: this chain has no blobs.
"""

from dataclasses import dataclass

from node.primitives import rlp
from node.primitives.keccak import keccak256
from node.primitives.types import Address, Hash32

LEGACY, ACCESS_LIST, DYNAMIC_FEE, SET_CODE = 0, 1, 2, 4
FIELD_COUNTS = {LEGACY: 9, ACCESS_LIST: 11, DYNAMIC_FEE: 12, SET_CODE: 13}


class UnsupportedType(ValueError):
    """The envelope's type byte is none that this chain knows."""


@dataclass(frozen=True, slots=True)
class Authorization:
    """EIP-7702: who lets its account run which code."""

    chain_id: int
    address: Address
    nonce: int
    y_parity: int
    r: int
    s: int


@dataclass(frozen=True, slots=True)
class Transaction:
    """All fields of one transaction; amounts in wei. `to` is None for a creation.

    Legacy and 2930 transactions have max fee = priority fee = gas price. `chain_id` is
    None for a legacy transaction without replay protection; `v` is as encoded (legacy:
    27, 28 or 35 + 2 * chain id + parity; others: the parity).
    """

    type: int
    chain_id: int | None
    nonce: int
    priority_fee: int
    max_fee: int
    gas_limit: int
    to: Address | None
    value: int
    data: bytes
    access_list: tuple[tuple[Address, tuple[Hash32, ...]], ...]
    authorizations: tuple[Authorization, ...]
    v: int
    r: int
    s: int
    hash: Hash32

    @property
    def y_parity(self) -> int:
        """0 or 1 (for a valid v)."""
        if self.type != LEGACY:
            return self.v
        return (self.v - 27 if self.chain_id is None else self.v - 35) & 1

    @property
    def has_gas_price(self) -> bool:
        """Whether it states one gas price instead of two fees."""
        return self.type in (LEGACY, ACCESS_LIST)

    def effective_gas_price(self, base_fee: int) -> int:
        """What one gas costs in a block of this base fee."""
        return min(self.max_fee, base_fee + self.priority_fee)


def decode_transaction(raw: bytes) -> Transaction:
    """Parse a raw transaction. Raises RlpError or UnsupportedType."""
    if not raw:
        raise rlp.RlpError("an empty transaction")
    if raw[0] >= 0xC0:
        return _legacy(rlp.to_list(rlp.decode(raw), FIELD_COUNTS[LEGACY]), raw)
    kind = raw[0]
    if kind not in FIELD_COUNTS or kind == LEGACY:
        raise UnsupportedType(f"transaction type {kind} is not supported")
    return _typed(kind, rlp.to_list(rlp.decode(raw[1:]), FIELD_COUNTS[kind]), raw)


def _legacy(fields: list[rlp.Decoded], raw: bytes) -> Transaction:
    nonce, price, gas, to, value, data, v, r, s = fields
    v_number = rlp.to_int(v, 8)
    return Transaction(
        type=LEGACY,
        chain_id=(v_number - 35) // 2 if v_number >= 35 else None,
        nonce=rlp.to_int(nonce, 8),
        priority_fee=rlp.to_int(price),
        max_fee=rlp.to_int(price),
        gas_limit=rlp.to_int(gas, 8),
        to=_recipient(to),
        value=rlp.to_int(value),
        data=rlp.to_bytes(data),
        access_list=(),
        authorizations=(),
        v=v_number,
        r=rlp.to_int(r),
        s=rlp.to_int(s),
        hash=keccak256(raw),
    )


def _typed(kind: int, fields: list[rlp.Decoded], raw: bytes) -> Transaction:
    chain_id, nonce, *rest = fields
    fees = 1 if kind == ACCESS_LIST else 2
    priority_fee, max_fee = rlp.to_int(rest[0]), rlp.to_int(rest[fees - 1])
    gas, to, value, data, access_list, *tail = rest[fees:]
    authorizations = tail.pop(0) if kind == SET_CODE else []
    parity, r, s = tail
    return Transaction(
        type=kind,
        chain_id=rlp.to_int(chain_id, 8),
        nonce=rlp.to_int(nonce, 8),
        priority_fee=priority_fee,
        max_fee=max_fee,
        gas_limit=rlp.to_int(gas, 8),
        to=_recipient(to),
        value=rlp.to_int(value),
        data=rlp.to_bytes(data),
        access_list=tuple(_access(entry) for entry in rlp.to_list(access_list)),
        authorizations=tuple(
            decode_authorization(a) for a in rlp.to_list(authorizations)
        ),
        v=rlp.to_int(parity, 1),
        r=rlp.to_int(r),
        s=rlp.to_int(s),
        hash=keccak256(raw),
    )


def _recipient(raw: rlp.Decoded) -> Address | None:
    return Address(rlp.to_bytes(raw, 20)) if raw else None


def _access(raw: rlp.Decoded) -> tuple[Address, tuple[Hash32, ...]]:
    at, slots = rlp.to_list(raw, 2)
    keys = tuple(Hash32(rlp.to_bytes(slot, 32)) for slot in rlp.to_list(slots))
    return Address(rlp.to_bytes(at, 20)), keys


def decode_authorization(raw: rlp.Decoded) -> Authorization:
    """[chain id, address, nonce, y parity, r, s] of EIP-7702. Raises RlpError."""
    chain_id, at, nonce, parity, r, s = rlp.to_list(raw, 6)
    return Authorization(
        rlp.to_int(chain_id),
        Address(rlp.to_bytes(at, 20)),
        rlp.to_int(nonce, 8),
        rlp.to_int(parity, 1),
        rlp.to_int(r),
        rlp.to_int(s),
    )
