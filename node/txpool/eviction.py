"""Who leaves a full pool.

Only the highest nonce of a sender may leave, so that nothing executable is cut off. The
worst goes first: those behind a missing nonce before executable ones, lower effective
tip before higher, and at one price those of the sender that holds most. Nobody leaves
for an equal; and at one price a sender gives way only to one that holds less than half
as much. So a flood makes room for others, but senders of an overloaded network, who all
hold about the same, do not push each other out: what leaves here has left a gap before
the sender's later nonces, and may still wait elsewhere.
"""

import heapq
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from node.txpool.entries import Entry, TxInfo, effective_tip
from node.txpool.sender import SenderQueue

FLOOD_FACTOR = 2
"""How many times as much a sender must hold to give way at one price."""

Rank: TypeAlias = tuple[int, int, int]
"""(executable, effective tip, minus the sender's count): the smallest leaves first."""


def rank(info: TxInfo, queue: SenderQueue, count: int, base_fee: int) -> Rank:
    """Rank of a transaction that is, or would be, the sender's highest nonce."""
    executable = int(info.nonce <= queue.ready_end)
    return executable, effective_tip(info, base_fee), -count


def worse_than(
    newcomer: Rank, queues: Iterable[SenderQueue], base_fee: int
) -> Iterator[tuple[SenderQueue, Entry]]:
    """Candidates to leave for the newcomer, worst first.

    The caller removes each one before it asks for the next.
    """
    heap: list[tuple[Rank, int, SenderQueue]] = []
    for queue in queues:
        if queue.txs:
            heap.append(_ranked(queue, base_fee))
    heapq.heapify(heap)
    while heap:
        worst, _, queue = heap[0]
        if not _gives_way(worst, newcomer):
            return
        yield queue, queue.tail()
        if queue.txs:
            heapq.heapreplace(heap, _ranked(queue, base_fee))
        else:
            heapq.heappop(heap)


def _gives_way(worst: Rank, newcomer: Rank) -> bool:
    if worst[:2] != newcomer[:2]:
        return worst < newcomer
    return -worst[2] > FLOOD_FACTOR * -newcomer[2]


def _ranked(queue: SenderQueue, base_fee: int) -> tuple[Rank, int, SenderQueue]:
    """With the newest arrival first among equals; `seq` is unique."""
    entry = queue.tail()
    worst = rank(entry.info, queue, len(queue.txs), base_fee)
    return worst, -entry.seq, queue
