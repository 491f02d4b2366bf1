"""Transactions for pool tests, made from few numbers."""

from typing import TypeAlias

from node.execution.executor import TxInfo
from node.primitives.types import Address, Hash32
from node.txpool.limits import PoolLimits
from node.txpool.pool import TxPool

ALICE = Address(b"\xaa" * 20)
BOB = Address(b"\xbb" * 20)
CAROL = Address(b"\xcc" * 20)
RICH = 10**18

Transaction: TypeAlias = tuple[TxInfo, bytes]


class Bench:
    """A pool with accounts around it, so that a test line says only what matters."""

    def __init__(
        self, limits: PoolLimits | None = None, zero_base_fee: bool = False
    ) -> None:
        self.pool = TxPool(limits, zero_base_fee=zero_base_fee)
        self.accounts = {who: (0, RICH) for who in (ALICE, BOB, CAROL)}
        self.base_fee = 0
        self.at_ms = 0
        self.dropped: list[tuple[bytes, str]] = []

    def add(self, *transactions: Transaction) -> list[str]:
        """Add as one batch; the refusals' words, "" for an admitted one."""
        result = self.pool.add(transactions, self.accounts, self.base_fee, self.at_ms)
        self.dropped += [(d.hash, d.reason.name) for d in result.dropped]
        return [a.refusal.value if a.refusal else "" for a in result.admissions]

    def selected(self, gas: int = 10**12, max_bytes: int = 10**9) -> list[bytes]:
        """Hashes that a block would get, in order."""
        return list(self.pool.select(gas, max_bytes, self.base_fee).hashes)


_serial = iter(range(1, 10**9))


def tx(
    sender: Address,
    nonce: int,
    fee: int = 1,
    tip: int | None = None,
    cost: int = 1_000,
    gas: int = 21_000,
) -> Transaction:
    """A new transaction: every call makes another hash."""
    serial = next(_serial)
    priority = fee if tip is None else tip
    tx_hash = Hash32(serial.to_bytes(32, "big"))
    info = TxInfo(tx_hash, sender, nonce, gas, fee, priority, cost)
    return info, b"raw %d" % serial + b"." * (serial % 5)


def hash_of(transaction: Transaction) -> bytes:
    """Its hash."""
    return transaction[0].hash
