"""Blocks that became final or were read lately, with their receipts.

Clients ask for what is new: it is served from memory, and what is kept is bounded by
bytes, not by blocks, because one block may hold one order or a thousand.
"""

from node.rpc.backend import Head

MAX_RECENT_BYTES = 64 << 20


class RecentBlocks:
    """By number; the oldest to arrive goes first. Used on the loop alone."""

    def __init__(self, max_bytes: int = MAX_RECENT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._heads: dict[int, tuple[Head, int]] = {}

    def get(self, number: int) -> Head | None:
        """The block and its receipts, if they are still here."""
        found = self._heads.get(number)
        return found[0] if found else None

    def put(self, head: Head) -> None:
        """Keep it; one that is larger than everything allowed is kept alone."""
        number = head.block.header.number
        if number in self._heads:
            return
        size = sum(map(len, head.block.transactions)) + sum(map(len, head.receipts))
        self._heads[number] = head, size
        self._bytes += size
        while self._bytes > self._max_bytes and len(self._heads) > 1:
            _, gone = self._heads.pop(next(iter(self._heads)))
            self._bytes -= gone
