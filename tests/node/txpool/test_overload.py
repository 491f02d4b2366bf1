"""Four pools under three times the load that blocks can take, in simulated time.

Customers offer one order after the other to the node they know, and offer a refused one
again. What a pool admits of a client is told to the other three; each block comes from
the next pool in turn. The network must go on at full blocks, and keep what it admitted.
"""

from collections import deque

import pytest

from node.execution.executor import TxInfo
from node.primitives.types import Address, Hash32
from node.txpool.entries import Admission, Dropped, Refusal
from node.txpool.limits import PoolLimits
from node.txpool.pool import TxPool

VALIDATORS, CUSTOMERS = 4, 40
BLOCK, OFFERED, BATCH = 24, 72, 6
GAS = 21_000
RICH = 10**18
LIMITS = PoolLimits(transactions=800)


class Customer:
    """A sender who knows the nonce at the head and the next one to offer."""

    def __init__(self, number: int) -> None:
        self.address = Address(number.to_bytes(20, "big"))
        self.head = self.next = 0

    def order(self) -> TxInfo:
        digest = Hash32(self.address + self.next.to_bytes(12, "big"))
        return TxInfo(digest, self.address, self.next, GAS, 10, 1, 1_000)


class Overload:
    """The network."""

    def __init__(self) -> None:
        self.pools = [TxPool(LIMITS) for _ in range(VALIDATORS)]
        self.customers = [Customer(number) for number in range(CUSTOMERS)]
        self.by_address = {c.address: c for c in self.customers}
        self.turns = [deque(self.customers[n::VALIDATORS]) for n in range(VALIDATORS)]
        self.admitted: dict[Hash32, None] = {}
        self.final: dict[Hash32, None] = {}
        self.refusals: list[Refusal] = []
        self.dropped: list[Dropped] = []
        self.at_ms = 0

    def step(self, number: int) -> int:
        """Customers offer, nodes tell each other, a block; how many it holds."""
        self.at_ms += 300
        news = [self._offer(at) for at in range(VALIDATORS)]
        for at, pool in enumerate(self.pools):
            for other, infos in enumerate(news):
                if other != at:
                    self._add(pool, infos, is_local=False)
        chosen = self.pools[number % VALIDATORS].select(BLOCK * GAS, 10**9, 0).hashes
        self.final |= dict.fromkeys(chosen)
        touched = dict.fromkeys(self.by_address[Address(h[:20])] for h in chosen)
        for digest in chosen:
            customer = self.by_address[Address(digest[:20])]
            customer.head = max(customer.head, int.from_bytes(digest[20:], "big") + 1)
        rows = [(customer.address, customer.head, RICH) for customer in touched]
        for pool in self.pools:
            self.dropped += pool.on_block(chosen, rows, self.at_ms)
        return len(chosen)

    def _offer(self, at: int) -> list[TxInfo]:
        news = []
        turns = self.turns[at]
        for _ in range(OFFERED // VALIDATORS // BATCH):
            some = [turns.popleft() for _ in range(BATCH)]
            infos = [customer.order() for customer in some]
            admissions = self._add(self.pools[at], infos, is_local=True)
            for customer, info, admission in zip(some, infos, admissions, strict=True):
                if admission.refusal is None:
                    customer.next += 1
                    self.admitted[info.hash] = None
                    news.append(info)
                else:
                    self.refusals.append(admission.refusal)
            turns.extend(some)
        return news

    def _add(
        self, pool: TxPool, infos: list[TxInfo], is_local: bool
    ) -> list[Admission]:
        heads = {c.address: (c.head, RICH) for c in self.customers}
        entries = [(info, b"raw") for info in infos]
        result = pool.add(entries, heads, 0, self.at_ms, is_local)
        self.dropped += result.dropped
        return result.admissions


def test_blocks_stay_full_and_nothing_that_was_admitted_is_lost() -> None:
    network = Overload()
    blocks = [network.step(number) for number in range(100)]
    assert set(blocks) == {BLOCK}
    assert set(network.refusals) == {Refusal.POOL_FULL}
    assert network.dropped == []
    waiting = [digest for digest in network.admitted if digest not in network.final]
    assert waiting
    for pool in network.pools:
        assert all(digest in pool for digest in waiting)


@pytest.mark.parametrize("is_local", [True, False], ids=["clients", "peers"])
def test_clients_leave_the_reserve_to_peers(is_local: bool) -> None:
    pool = TxPool(PoolLimits(transactions=80, bytes=8_000))
    alice = Address(b"\xaa" * 20)
    infos = [
        TxInfo(Hash32(n.to_bytes(32, "big")), alice, n, GAS, 10, 1, 1_000)
        for n in range(100)
    ]
    entries = [(info, b"r" * 10) for info in infos]
    result = pool.add(entries, {alice: (0, RICH)}, 0, 0, is_local)
    admitted = [admission.refusal is None for admission in result.admissions]
    assert sum(admitted) == len(pool) == (70 if is_local else 80)
    large = [(info, b"r" * 100) for info in infos]
    again = TxPool(PoolLimits(transactions=1_000, bytes=8_000))
    again.add(large, {alice: (0, RICH)}, 0, 0, is_local)
    assert again.size_bytes == (7_000 if is_local else 8_000)
