"""Getting the transactions of proposed blocks that are missing here.

The proposer is asked first, then the other peers in turn, one request at a time per
block; a peer that answers in part is asked for the rest at once. The promise: while any
connected peer holds them, they come; a peer that stays silent costs one timeout. It
refuses answers that were not asked for. The caller hashes what comes (the executor does
so anyway) and reports what it now holds, from whichever source.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from node.gossip.gossip import Outgoing
from node.gossip.limits import MAX_REQUEST_HASHES, MAX_WANTS, GossipLimits
from node.gossip.messages import GetTransactions
from node.primitives.types import Address, Hash32


@dataclass(slots=True)
class _Want:
    missing: dict[Hash32, None]
    asked: Address
    request_id: int = 0
    """0: nothing is asked now."""
    deadline_ms: int = 0
    tried: list[Address] = field(default_factory=list)


class Fetcher:
    """Missing transactions by the block that needs them."""

    def __init__(self, limits: GossipLimits | None = None) -> None:
        self._limits = limits or GossipLimits()
        self._wants: dict[Hash32, _Want] = {}
        self._request_id = 0

    def __len__(self) -> int:
        return len(self._wants)

    def want(
        self, block: Hash32, missing: Iterable[Hash32], proposer: Address, at_ms: int
    ) -> list[Outgoing]:
        """Ask for what a block needs. With MAX_WANTS waiting the oldest is given up."""
        if block in self._wants:
            return []
        if len(self._wants) >= MAX_WANTS:
            del self._wants[next(iter(self._wants))]
        want = _Want(dict.fromkeys(missing), proposer)
        if not want.missing:
            return []
        self._wants[block] = want
        return [self._ask(want, proposer, at_ms)]

    def is_expected(self, peer: Address, request_id: int) -> bool:
        """Whether this peer was asked under this number and has not answered."""
        return self._find(peer, request_id) is not None

    def on_answer(
        self,
        peer: Address,
        request_id: int,
        held: Sequence[Hash32],
        at_ms: int,
        peers: Sequence[Address],
    ) -> tuple[list[Hash32], list[Outgoing]]:
        """An answer came with these (verified) hashes: (complete blocks, requests)."""
        want = self._find(peer, request_id)
        if want is None:
            return [], []
        progress = any(tx_hash in want.missing for tx_hash in held)
        want.request_id = 0
        complete = self.on_held(held)
        if not want.missing:
            return complete, []
        if progress:
            return complete, [self._ask(want, peer, at_ms)]
        if all(other in want.tried for other in peers):
            # Nobody has it now: `tick` begins again, so that empty answers cannot spin.
            want.deadline_ms = at_ms + self._limits.request_timeout_ms
            return complete, []
        return complete, [self._ask(want, self._next_peer(want, peers), at_ms)]

    def on_held(self, hashes: Iterable[Hash32]) -> list[Hash32]:
        """Transactions are here now, by gossip perhaps: blocks that lack none more."""
        for tx_hash in hashes:
            for want in self._wants.values():
                want.missing.pop(tx_hash, None)
        complete = [block for block, want in self._wants.items() if not want.missing]
        for block in complete:
            del self._wants[block]
        return complete

    def forget(self, block: Hash32) -> None:
        """The block is not needed any more."""
        self._wants.pop(block, None)

    def clear(self) -> None:
        """Nothing is needed any more: a new height began."""
        self._wants.clear()

    def deadline_ms(self) -> int | None:
        """When `tick` asks another peer."""
        return min((want.deadline_ms for want in self._wants.values()), default=None)

    def tick(self, at_ms: int, peers: Sequence[Address]) -> list[Outgoing]:
        """Ask the next peer where one stayed silent."""
        outgoing = []
        for want in self._wants.values():
            if at_ms >= want.deadline_ms:
                outgoing.append(self._ask(want, self._next_peer(want, peers), at_ms))
        return outgoing

    def _ask(self, want: _Want, peer: Address, at_ms: int) -> Outgoing:
        self._request_id += 1
        want.request_id = self._request_id
        want.asked = peer
        want.deadline_ms = at_ms + self._limits.request_timeout_ms
        if peer not in want.tried:
            want.tried.append(peer)
        hashes = tuple(want.missing)[:MAX_REQUEST_HASHES]
        return Outgoing(peer, GetTransactions(self._request_id, hashes))

    def _next_peer(self, want: _Want, peers: Sequence[Address]) -> Address:
        """The first connected peer not tried yet; when all were, begin again."""
        fresh = [peer for peer in peers if peer not in want.tried]
        if fresh:
            return fresh[0]
        want.tried.clear()
        others = [peer for peer in peers if peer != want.asked]
        return others[0] if others else want.asked

    def _find(self, peer: Address, request_id: int) -> _Want | None:
        for want in self._wants.values():
            if want.request_id == request_id > 0 and want.asked == peer:
                return want
        return None
