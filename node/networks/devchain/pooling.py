"""The pool of a dev chain: one of every chain, made anew when the state is moved.

A pool only goes forward with its accounts; after an edit or a step back, what waited is
admitted again against the state as it is.
"""

from collections.abc import Sequence

from node.chain.genesis import Genesis
from node.execution.executor import StateView, TxError, TxInfo
from node.primitives.types import Address, Hash32
from node.rpc.backend import Refusal
from node.rpc.refusals import refusal_message
from node.txpool.entries import Entry, Selection
from node.txpool.limits import PoolLimits
from node.txpool.pool import TxPool

MAX_QUICK_GAS = {"pyevm": 300_000, "native": 3_000_000}
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


def admit(
    pool: TxPool,
    recovered: Sequence[tuple[TxInfo | TxError, bytes]],
    view: StateView,
    moment: tuple[int, int],
) -> list[Hash32 | Refusal]:
    """Let transactions wait, all at once; the hash or a refusal for each.

    `moment` is (base fee in wei, now in milliseconds).
    """
    entries = [(info, raw) for info, raw in recovered if not isinstance(info, TxError)]
    senders = list(dict.fromkeys(info.sender for info, _ in entries))
    accounts = dict(zip(senders, view.accounts(senders), strict=True))
    admissions = iter(pool.add(entries, accounts, *moment).admissions)
    answers: list[Hash32 | Refusal] = []
    for info, _ in recovered:
        if isinstance(info, TxError):
            message = refusal_message(info.kind, info.message)
            answers.append(Refusal(info.hash, message))
            continue
        admission = next(admissions)
        is_in = admission.ok
        answers.append(info.hash if is_in else Refusal(info.hash, admission.message))
    return answers


def senders_of(pool: TxPool, hashes: Sequence[Hash32]) -> tuple[Address, ...]:
    """Who sent these, all of which wait."""
    entries = map(pool.get, hashes)
    return tuple(entry.info.sender for entry in entries if entry is not None)


def is_quick(pool: TxPool, chosen: Selection, executor: str) -> bool:
    """Whether the executor of this name builds a block of these in no time."""
    if len(chosen.hashes) > MAX_QUICK_TRANSACTIONS:
        return False
    entries = map(pool.get, chosen.hashes)
    gas = sum(e.info.gas_limit for e in entries if e is not None)
    return gas <= MAX_QUICK_GAS[executor]
