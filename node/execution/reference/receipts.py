"""Receipts and blooms, as consensus encodes them (EIP-658, EIP-2718)."""

from functools import lru_cache

from node.execution.reference.runner import Outcome
from node.primitives import rlp
from node.primitives.keccak import keccak256

BLOOM_BYTES = 256
CACHED_BITS = 20_000
EMPTY_BLOOM = bytes(BLOOM_BYTES)


def encode_receipt(kind: int, outcome: Outcome, cumulative_gas: int) -> bytes:
    """The receipt of a transaction of this envelope type."""
    logs: list[rlp.Item] = [
        [at, [topic.to_bytes(32, "big") for topic in topics], data]
        for at, topics, data in outcome.logs
    ]
    status = b"" if outcome.error else b"\x01"
    bloom = bloom_of(outcome).to_bytes(BLOOM_BYTES, "big") if logs else EMPTY_BLOOM
    encoded = rlp.encode([status, rlp.from_int(cumulative_gas), bloom, logs])
    return bytes((kind,)) + encoded if kind else encoded


def bloom_of(outcome: Outcome) -> int:
    """The 2,048 bits of a transaction's logs."""
    bloom = 0
    for at, topics, _ in outcome.logs:
        bloom |= _bits(at)
        for topic in topics:
            bloom |= _bits(topic.to_bytes(32, "big"))
    return bloom


@lru_cache(CACHED_BITS)
def _bits(value: bytes) -> int:
    digest = keccak256(value)
    bits = 0
    for at in (0, 2, 4):
        bits |= 1 << (int.from_bytes(digest[at : at + 2], "big") & 2047)
    return bits
