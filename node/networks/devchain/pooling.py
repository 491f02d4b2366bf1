"""The pool of a dev chain: one of every chain, made anew when the state is moved.

A pool only goes forward with its accounts; after an edit or a step back, what waited is
admitted again against the state as it is.
"""

from collections.abc import Iterable

from node.chain.genesis import Genesis
from node.execution.executor import StateView, TxError, TxInfo
from node.txpool.entries import Entry, Selection
from node.txpool.limits import PoolLimits
from node.txpool.pool import TxPool

MAX_QUICK_GAS = 300_000
MAX_QUICK_TRANSACTIONS = 8
"""Blocks up to this are built on the loop: a few milliseconds, 0.2 s at the worst."""


def empty_pool(genesis: Genesis, gas_limit: int) -> TxPool:
    """A pool for blocks of this gas limit."""
    limits = PoolLimits(transaction_gas=gas_limit)
    return TxPool(limits, zero_base_fee=genesis.consensus.zero_base_fee)


def waiting(pool: TxPool) -> list[Entry]:
    """What waits, in the order of admission."""
    if not len(pool):
        return []
    content = pool.content()
    groups = (*content.pending.values(), *content.queued.values())
    return sorted((e for group in groups for e in group), key=lambda e: e.seq)


def refill(
    pool: TxPool,
    entries: Iterable[tuple[TxInfo | TxError, bytes]],
    view: StateView,
    moment: tuple[int, int],
) -> None:
    """Admit what still fits. `moment` is (base fee in wei, now in milliseconds)."""
    kept = [(info, raw) for info, raw in entries if not isinstance(info, TxError)]
    senders = list(dict.fromkeys(info.sender for info, _ in kept))
    accounts = dict(zip(senders, view.accounts(senders), strict=True))
    pool.add(kept, accounts, *moment)


def is_quick(pool: TxPool, chosen: Selection) -> bool:
    """Whether a block of these is built sooner than a thread is woken."""
    if len(chosen.hashes) > MAX_QUICK_TRANSACTIONS:
        return False
    entries = map(pool.get, chosen.hashes)
    return sum(e.info.gas_limit for e in entries if e is not None) <= MAX_QUICK_GAS
