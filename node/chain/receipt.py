"""Receipts as executors give them: EIP-2718 envelopes of [status, gas, bloom, logs]."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from node.primitives import rlp
from node.primitives.keccak import keccak256
from node.primitives.types import Address, Hash32

BLOOM_BYTES = 256
CACHED_BITS = 20_000


@dataclass(frozen=True, slots=True)
class Log:
    """One event of a contract."""

    address: Address
    topics: tuple[Hash32, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a transaction did; `cumulative_gas` counts the block up to and with it."""

    type: int
    succeeded: bool
    cumulative_gas: int
    bloom: bytes
    logs: tuple[Log, ...]


def decode_receipt(raw: bytes) -> Receipt:
    """Parse one receipt. Raises RlpError."""
    kind, body = (0, raw) if raw[:1] >= b"\xc0" else (raw[0], raw[1:])
    status, gas, bloom, logs = rlp.to_list(rlp.decode(body), 4)
    return Receipt(
        type=kind,
        succeeded=rlp.to_int(status) == 1,
        cumulative_gas=rlp.to_int(gas, 8),
        bloom=rlp.to_bytes(bloom, 256),
        logs=tuple(_log(entry) for entry in rlp.to_list(logs)),
    )


def cumulative_gas(raw: bytes) -> int:
    """The gas of the block up to and with this receipt. Raises RlpError."""
    return rlp.to_int(rlp.decode(_parts(raw)[1]), 8)


def log_count(raw: bytes) -> int:
    """How many logs a receipt holds. Raises RlpError."""
    return len(rlp.split_list(_parts(raw)[3]))


def _parts(raw: bytes) -> list[bytes]:
    return rlp.split_list(raw if raw[:1] >= b"\xc0" else raw[1:])


def encode_receipt(receipt: Receipt) -> bytes:
    """What `decode_receipt` reads."""
    logs: list[rlp.Item] = [[log.address, log.topics, log.data] for log in receipt.logs]
    status = b"\x01" if receipt.succeeded else b""
    gas = rlp.from_int(receipt.cumulative_gas)
    encoded = rlp.encode([status, gas, receipt.bloom, logs])
    return bytes((receipt.type,)) + encoded if receipt.type else encoded


def bloom_bits(logs: Sequence[Log]) -> int:
    """The logs' bloom filter as a number of 2,048 bits (yellow paper, 4.4.1)."""
    bloom = 0
    for log in logs:
        bloom |= _bits_of(log.address)
        for topic in log.topics:
            bloom |= _bits_of(topic)
    return bloom


@lru_cache(CACHED_BITS)
def _bits_of(value: bytes) -> int:
    digest = keccak256(value)
    bits = 0
    for at in (0, 2, 4):
        bits |= 1 << (int.from_bytes(digest[at : at + 2], "big") & 2047)
    return bits


def gas_used_each(receipts: Sequence[Receipt]) -> list[int]:
    """Gas of each transaction of a block, from the cumulative figures."""
    before = 0
    used = []
    for receipt in receipts:
        used.append(receipt.cumulative_gas - before)
        before = receipt.cumulative_gas
    return used


def _log(raw: rlp.Decoded) -> Log:
    at, topics, data = rlp.to_list(raw, 3)
    return Log(
        Address(rlp.to_bytes(at, 20)),
        tuple(Hash32(rlp.to_bytes(topic, 32)) for topic in rlp.to_list(topics)),
        rlp.to_bytes(data),
    )
