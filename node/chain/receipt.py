"""Receipts as executors give them: EIP-2718 envelopes of [status, gas, bloom, logs]."""

from collections.abc import Sequence
from dataclasses import dataclass

from node.primitives import rlp
from node.primitives.types import Address, Hash32


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
