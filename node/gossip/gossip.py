"""How transactions reach every validator, at about one copy per peer.

The scheme, made for a full mesh of validators:

1. Push. A transaction admitted from a client goes to all connected peers in one batch,
   a few milliseconds after the first of the batch or when the batch is full.
2. No echo. What came from a peer is not relayed at once: its origin pushes to everyone.
3. Repair, slow and bounded. What came from a peer and still waits in the pool after
   `relay_after_ms` (the mesh is not full, the origin is not connected to all, or the
   network stands still) is sent to those peers that neither sent it nor got it from
   here. A peer that connects is sent the oldest of the pool in the same way. A peer
   whose Status has long shown a much smaller pool at our height is sent it once more:
   it may have refused them while it was behind. At most `repair_count` transactions and
   about `repair_bytes` per peer and `repair_interval_ms`; and while more than
   `busy_count` wait here, what others sent is not relayed at all: it waits because of
   the load, not because it was lost, and an overloaded network must not load itself.
4. Request. A proposal names transactions by hash; what is missing is asked of the
   proposer, then of others (`node.gossip.fetcher`).

A transaction that a pool had to drop is not sought again: any validator that still
holds it can propose it. What this module refuses to do: look into transactions, keep
time, send. The driver calls it with events and `at_ms` and sends what it returns.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from node.gossip.limits import (
    MAX_BACKLOG,
    MAX_RELAY_PENDING,
    REPAIR_STEP,
    GossipLimits,
)
from node.gossip.messages import (
    MAX_BATCH_BYTES,
    MAX_BATCH_TRANSACTIONS,
    GetTransactions,
    Status,
    TransactionBatch,
    Transactions,
)
from node.gossip.seen import Seen
from node.primitives.types import Address, Hash32

GossipMessage: TypeAlias = TransactionBatch | GetTransactions | Transactions


class PoolView(Protocol):
    """What gossip reads of the transaction pool."""

    def __len__(self) -> int: ...

    def get_many(self, hashes: Sequence[Hash32]) -> list[bytes | None]:
        """Raw bytes by hash, None where the pool has none; in order."""
        ...

    def oldest(self, count: int) -> list[tuple[Hash32, bytes]]:
        """Up to `count` transactions in the order of their admission."""
        ...


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to send; `peer` is None for every connected peer."""

    peer: Address | None
    message: GossipMessage


@dataclass(slots=True)
class _Peer:
    bit: int
    backlog: deque[Hash32] = field(default_factory=lambda: deque(maxlen=MAX_BACKLOG))
    resend: bool = False
    """Send the backlog even where the peer is believed to have it."""
    lacking_since_ms: int | None = None


class Gossip:
    """The state of gossip at one node; see the module's docstring."""

    def __init__(self, pool: PoolView, limits: GossipLimits | None = None) -> None:
        self._pool = pool
        self._limits = limits or GossipLimits()
        self._seen = Seen(self._limits.seen_count, self._limits.seen_bytes)
        self._peers: dict[Address, _Peer] = {}
        # From clients; the pool's limits bound it, for only admitted ones come here.
        self._fresh: list[bytes] = []
        self._fresh_since_ms = 0
        self._relay: deque[tuple[int, list[Hash32]]] = deque()
        self.relay_count = 0
        """Transactions of others that wait to be relayed."""
        self._repair_at_ms = 0

    def on_connected(self, peer: Address, at_ms: int) -> None:
        """A peer is there: it may lack what waits here."""
        self.on_disconnected(peer)
        bit = 1
        used = self._all_bits()
        while used & bit:
            bit <<= 1
        entry = _Peer(bit)
        entry.backlog.extend(h for h, _ in self._pool.oldest(MAX_BACKLOG))
        self._peers[peer] = entry
        self._repair_at_ms = min(self._repair_at_ms, at_ms)

    def on_disconnected(self, peer: Address) -> None:
        """A peer is gone; what it knew counts for nothing when it comes back."""
        gone = self._peers.pop(peer, None)
        if gone is not None:
            self._seen.clear(gone.bit)

    def screen(self, peer: Address, transactions: Sequence[bytes]) -> list[bytes]:
        """A peer sent transactions: those that are news here, to be admitted."""
        return self._seen.screen(transactions, self._bit_of(peer))

    def on_admitted(
        self,
        transactions: Iterable[tuple[Hash32, bytes]],
        origin: Address | None,
        at_ms: int,
    ) -> None:
        """The pool admitted transactions from a peer, or from a client here (None)."""
        admitted = list(transactions)
        if not admitted:
            return
        raws = [raw for _, raw in admitted]
        if origin is None:
            if not self._fresh:
                self._fresh_since_ms = at_ms
            self._fresh += raws
            return
        self._seen.mark(raws, self._bit_of(origin))
        due_ms = at_ms + self._limits.relay_after_ms
        self._relay.append((due_ms, [tx_hash for tx_hash, _ in admitted]))
        self.relay_count += len(admitted)
        while self.relay_count > MAX_RELAY_PENDING:
            self.relay_count -= len(self._relay.popleft()[1])

    def on_status(
        self, peer: Address, theirs: Status, ours: Status, at_ms: int
    ) -> None:
        """Compare pools: a peer that lacks much for long is sent ours again."""
        entry = self._peers.get(peer)
        if entry is None:
            return
        near = abs(theirs.height - ours.height) <= 1
        if not near or theirs.pool_size * 2 >= ours.pool_size:
            entry.lacking_since_ms = None
        elif entry.lacking_since_ms is None:
            entry.lacking_since_ms = at_ms
        elif at_ms - entry.lacking_since_ms >= self._limits.refill_after_ms:
            entry.lacking_since_ms = at_ms
            entry.resend = True
            entry.backlog.clear()
            entry.backlog.extend(h for h, _ in self._pool.oldest(MAX_BACKLOG))

    def deadline_ms(self) -> int | None:
        """When `tick` has something to do; None: not before another event."""
        deadlines = []
        if self._fresh:
            full = len(self._fresh) >= self._limits.flush_count
            wait_ms = 0 if full else self._limits.flush_ms
            deadlines.append(self._fresh_since_ms + wait_ms)
        if self._relay and self._peers:
            deadlines.append(max(self._relay[0][0], self._repair_at_ms))
        if any([entry.backlog for entry in self._peers.values()]):
            deadlines.append(self._repair_at_ms)
        return min(deadlines, default=None)

    def tick(self, at_ms: int) -> list[Outgoing]:
        """What is to be sent by now."""
        outgoing = self._flush(at_ms)
        if at_ms >= self._repair_at_ms and self._peers:
            self._relay_due(at_ms)
            outgoing += self._repair(at_ms)
        return outgoing

    def answer(
        self, request: GetTransactions, others: Mapping[Hash32, bytes]
    ) -> Transactions:
        """What the pool or `others` (bodies of proposed blocks) holds of a request."""
        hashes = request.hashes[:MAX_BATCH_TRANSACTIONS]
        found: list[bytes] = []
        size = 0
        for tx_hash, raw in zip(hashes, self._pool.get_many(hashes), strict=True):
            raw = raw if raw is not None else others.get(tx_hash)
            if raw is None:
                continue
            size += len(raw)
            if size > MAX_BATCH_BYTES and found:
                break
            found.append(raw)
        return Transactions(request.request_id, tuple(found))

    def _flush(self, at_ms: int) -> list[Outgoing]:
        fresh = self._fresh
        if not fresh:
            return []
        ripe = at_ms - self._fresh_since_ms >= self._limits.flush_ms
        if not ripe and len(fresh) < self._limits.flush_count:
            return []
        self._fresh = []
        self._seen.mark(fresh, self._all_bits())
        if not self._peers:
            return []
        return [Outgoing(None, TransactionBatch(part)) for part in _batches(fresh)]

    def _relay_due(self, at_ms: int) -> None:
        """Move what others sent long ago to the backlogs of peers that lack it."""
        if len(self._pool) > self._limits.busy_count:
            self._repair_at_ms = at_ms + self._limits.repair_interval_ms
            return
        everyone = self._all_bits()
        while self._relay and self._relay[0][0] <= at_ms:
            _, hashes = self._relay.popleft()
            self.relay_count -= len(hashes)
            for tx_hash, raw in zip(hashes, self._pool.get_many(hashes), strict=True):
                mask = everyone if raw is None else self._seen.mask(raw)
                if mask & everyone == everyone:
                    continue
                for entry in self._peers.values():
                    if not mask & entry.bit:
                        entry.backlog.append(tx_hash)

    def _repair(self, at_ms: int) -> list[Outgoing]:
        outgoing = []
        for peer, entry in self._peers.items():
            raws = self._next_repairs(entry)
            self._seen.mark(raws, entry.bit)
            outgoing += [
                Outgoing(peer, TransactionBatch(part)) for part in _batches(raws)
            ]
        if outgoing:
            self._repair_at_ms = at_ms + self._limits.repair_interval_ms
        return outgoing

    def _next_repairs(self, entry: _Peer) -> list[bytes]:
        """The oldest of the backlog that still wait and that the peer lacks."""
        chosen: list[bytes] = []
        size = 0
        backlog = entry.backlog
        while backlog and size < self._limits.repair_bytes:
            room = min(len(backlog), self._limits.repair_count - len(chosen))
            if not room:
                break
            hashes = [backlog.popleft() for _ in range(min(room, REPAIR_STEP))]
            for raw in self._pool.get_many(hashes):
                if raw is None:
                    continue
                if entry.resend or not self._seen.mask(raw) & entry.bit:
                    chosen.append(raw)
                    size += len(raw)
        if not backlog:
            entry.resend = False
        return chosen

    def _bit_of(self, peer: Address) -> int:
        entry = self._peers.get(peer)
        return entry.bit if entry is not None else 0

    def _all_bits(self) -> int:
        return sum(entry.bit for entry in self._peers.values())


def _batches(raws: Sequence[bytes]) -> list[tuple[bytes, ...]]:
    """Split into messages within MAX_BATCH_TRANSACTIONS and MAX_BATCH_BYTES."""
    if not raws:
        return []
    if len(raws) <= MAX_BATCH_TRANSACTIONS and sum(map(len, raws)) <= MAX_BATCH_BYTES:
        return [tuple(raws)]
    parts: list[list[bytes]] = [[]]
    size = 0
    for raw in raws:
        size += len(raw)
        if parts[-1] and (
            len(parts[-1]) >= MAX_BATCH_TRANSACTIONS or size > MAX_BATCH_BYTES
        ):
            parts.append([])
            size = len(raw)
        parts[-1].append(raw)
    return [tuple(part) for part in parts]
