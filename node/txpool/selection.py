"""In what order waiting transactions go into a block.

By effective tip (min of priority fee and max fee - base fee), each sender's nonces in
order. At one tip the n-th transaction of every sender comes before anyone's n+1-st,
then the earlier arrival: so with free gas a flood from one sender cannot hold back
another's first transaction.
"""

import heapq
from collections.abc import Iterable

from node.txpool.entries import Entry, Selection, effective_tip
from node.txpool.limits import MINIMUM_GAS
from node.txpool.sender import SenderQueue


def best(
    queues: Iterable[SenderQueue], gas: int, max_bytes: int, base_fee: int
) -> Selection:
    """The best executable transactions whose gas limits and bytes fit.

    A sender whose next one does not fit, or does not cover the base fee, is passed
    over.
    """
    chosen = Selection([], [])
    # (-tip, place in the sender's turn, arrival, nonce, queue, entry); arrivals differ.
    heap: list[tuple[int, int, int, int, SenderQueue, Entry]] = []
    for queue in queues:
        if is_payable(queue, base_fee):
            entry = queue.txs[queue.nonce]
            tip = effective_tip(entry.info, base_fee)
            heap.append((-tip, 0, entry.seq, queue.nonce, queue, entry))
    heapq.heapify(heap)
    while heap and gas >= MINIMUM_GAS:
        _, place, _, nonce, queue, (info, raw, _, _) = heap[0]
        if info.gas_limit > gas or len(raw) > max_bytes:
            heapq.heappop(heap)
            continue
        gas -= info.gas_limit
        max_bytes -= len(raw)
        chosen.hashes.append(info.hash)
        chosen.raws.append(raw)
        nonce += 1
        if nonce < queue.ready_end:
            entry = queue.txs[nonce]
            tip = effective_tip(entry.info, base_fee)
            if tip >= 0:
                following = (-tip, place + 1, entry.seq, nonce, queue, entry)
                heapq.heapreplace(heap, following)
                continue
        heapq.heappop(heap)
    return chosen


def is_payable(queue: SenderQueue, base_fee: int) -> bool:
    """Whether the sender's next transaction is here and covers the base fee."""
    if queue.ready_end == queue.nonce:
        return False
    return queue.txs[queue.nonce].info.max_fee >= base_fee
