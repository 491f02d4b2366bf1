"""The pool of transactions that wait for a block.

The problem: thousands of transactions of senders who may lie, arriving in any order,
must be held within fixed limits and handed out fast, best paid first, each sender's
nonces in order. The promise: everything happens in bulk; the same calls give the same
pool on every machine; a transaction that was admitted leaves by inclusion or with a
reason that is returned (`Dropped`), never silently. What it refuses to do: look into
raw bytes, check signatures or read state; the executor recovered the entries and the
caller brings nonces and balances. Orders and rules: `selection`, `replacement`,
`eviction`.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from node.primitives.types import Address, Hash32
from node.txpool.entries import (
    ADMITTED,
    AddResult,
    Admission,
    Content,
    Dropped,
    DropReason,
    Entry,
    Refusal,
    Selection,
    TxInfo,
)
from node.txpool.eviction import Rank, rank, worse_than
from node.txpool.limits import (
    EXPIRE_INTERVAL_MS,
    MAX_QUARANTINED,
    PoolLimits,
)
from node.txpool.replacement import ReplacementRule
from node.txpool.selection import best, is_payable
from node.txpool.sender import SenderQueue

_KNOWN = Admission(Refusal.ALREADY_KNOWN)
_NO_ACCOUNT = (0, 0)


class _Batch:
    """What one call of `add` shares between its entries."""

    __slots__ = ("at_ms", "base_fee", "dropped", "room")

    def __init__(self, base_fee: int, at_ms: int, room: tuple[int, int]) -> None:
        self.base_fee = base_fee
        self.at_ms = at_ms
        self.room = room
        self.dropped: list[Dropped] = []


class TxPool:
    """Waiting transactions by hash and by sender. Not thread-safe: one loop owns it."""

    def __init__(
        self, limits: PoolLimits | None = None, *, zero_base_fee: bool = False
    ) -> None:
        self.limits = limits or PoolLimits()
        self._rule = ReplacementRule(
            zero_base_fee, self.limits.price_bump_percent, self.limits.stuck_ms
        )
        self._entries: dict[Hash32, Entry] = {}
        self._queues: dict[Address, SenderQueue] = {}
        self._quarantined: dict[Hash32, str] = {}
        self._bytes = 0
        self._gapped = 0
        self._seq = 0
        self._expired_at_ms = 0
        # The best newcomer since the last block for whom nobody had to leave.
        self._in_vain: Rank | None = None

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, tx_hash: Hash32) -> bool:
        return tx_hash in self._entries

    @property
    def size_bytes(self) -> int:
        """Raw bytes held."""
        return self._bytes

    @property
    def counts(self) -> tuple[int, int]:
        """(executable, behind a missing nonce)."""
        return len(self._entries) - self._gapped, self._gapped

    # Admission

    def add(
        self,
        entries: Sequence[tuple[TxInfo, bytes]],
        accounts: Mapping[Address, tuple[int, int]],
        base_fee: int,
        at_ms: int,
        is_local: bool = False,
    ) -> AddResult:
        """Admit what may wait; one admission per entry, in order.

        `accounts` gives (nonce, balance) at the head for every sender of the entries;
        one that is absent counts as an empty account. `is_local` are those that clients
        gave to this node: they leave the reserve of the pool free.
        """
        batch = _Batch(base_fee, at_ms, self.limits.room(is_local))
        batch.dropped += self.expire(at_ms)
        admissions = []
        for info, raw in entries:
            tx_hash = info.hash
            if tx_hash in self._entries:
                admissions.append(_KNOWN)
                continue
            account = accounts.get(info.sender, _NO_ACCOUNT)
            queue = self._queues.get(info.sender)
            if queue is None:
                queue = SenderQueue(info.sender, *account)
            else:
                self._refresh(queue, account, batch)
            admission = self._admit(info, raw, queue, batch)
            admissions.append(admission)
            if queue.txs:
                self._queues[info.sender] = queue
            else:
                self._queues.pop(info.sender, None)
        return AddResult(admissions, batch.dropped)

    def _refresh(
        self, queue: SenderQueue, account: tuple[int, int], batch: _Batch
    ) -> None:
        """Take over what the caller read, unless it was read before our last block."""
        nonce, balance = account
        if nonce >= queue.nonce:
            queue.balance = balance
        if nonce > queue.nonce:
            for entry in self._advance(queue, nonce):
                batch.dropped.append(Dropped(entry.info.hash, DropReason.NONCE_USED))

    def _admit(
        self, info: TxInfo, raw: bytes, queue: SenderQueue, batch: _Batch
    ) -> Admission:
        nonce = info.nonce
        if nonce < queue.nonce:
            detail = f"next nonce {queue.nonce}, tx nonce {nonce}"
            return Admission(Refusal.NONCE_TOO_LOW, detail)
        if info.gas_limit > self.limits.transaction_gas:
            detail = f"gas {info.gas_limit}, limit {self.limits.transaction_gas}"
            return Admission(Refusal.GAS_LIMIT, detail)
        if info.priority_fee < self.limits.min_priority_fee:
            minimum = self.limits.min_priority_fee
            detail = f"priority fee {info.priority_fee}, minimum {minimum}"
            return Admission(Refusal.UNDERPRICED, detail)
        if info.hash in self._quarantined:
            return Admission(Refusal.QUARANTINED, self._quarantined[info.hash])
        old = queue.txs.get(nonce)
        if old is not None:
            return self._replace(old, info, raw, queue, batch)
        if queue.cost + info.max_cost > queue.balance:
            return _insufficient(queue, info.max_cost)
        if len(queue.txs) >= self.limits.per_sender:
            detail = f"{len(queue.txs)} transactions of the sender wait already"
            return Admission(Refusal.SENDER_LIMIT, detail)
        if nonce != queue.ready_end and self._has_no_room_for_gaps(queue):
            detail = f"nonce {queue.ready_end} is missing, tx nonce {nonce}"
            return Admission(Refusal.GAP_LIMIT, detail)
        if self._is_full(raw, batch) and not self._make_room(info, raw, queue, batch):
            return Admission(Refusal.POOL_FULL, f"{len(self._entries)} transactions")
        before = queue.gapped
        self._seq += 1
        entry = Entry(info, raw, self._seq, batch.at_ms)
        queue.put(entry)
        self._gapped += queue.gapped - before
        self._entries[info.hash] = entry
        self._bytes += len(raw)
        return ADMITTED

    def _replace(
        self, old: Entry, info: TxInfo, raw: bytes, queue: SenderQueue, batch: _Batch
    ) -> Admission:
        if not self._rule.outbids(info, old, batch.at_ms):
            detail = f"tx nonce {info.nonce} is taken by 0x{old.info.hash.hex()}"
            return Admission(Refusal.REPLACEMENT_UNDERPRICED, detail)
        if queue.cost - old.info.max_cost + info.max_cost > queue.balance:
            return _insufficient(queue, info.max_cost - old.info.max_cost)
        if self._bytes + len(raw) - len(old.raw) > self.limits.bytes:
            return Admission(Refusal.POOL_FULL, f"{self._bytes} bytes")
        self._seq += 1
        entry = Entry(info, raw, self._seq, batch.at_ms)
        queue.replace(entry)
        del self._entries[old.info.hash]
        self._entries[info.hash] = entry
        self._bytes += len(raw) - len(old.raw)
        batch.dropped.append(Dropped(old.info.hash, DropReason.REPLACED))
        return Admission(replaced=old.info.hash)

    def _has_no_room_for_gaps(self, queue: SenderQueue) -> bool:
        return (
            queue.gapped >= self.limits.gapped_per_sender
            or self._gapped >= self.limits.gapped
        )

    def _is_full(self, raw: bytes, batch: _Batch) -> bool:
        transactions, most_bytes = batch.room
        return len(self._entries) >= transactions or self._bytes + len(raw) > most_bytes

    def _make_room(
        self, info: TxInfo, raw: bytes, queue: SenderQueue, batch: _Batch
    ) -> bool:
        """Let worse ones go: a bounded number, for the search walks all senders; one in
        vain says until the next block that no worse newcomer need be searched for."""
        newcomer = rank(info, queue, len(queue.txs) + 1, batch.base_fee)
        if self._in_vain is not None and newcomer <= self._in_vain:
            return False
        others = (other for other in self._queues.values() if other is not queue)
        enough = int(len(self._entries) * self.limits.evict_share)
        freed = 0
        for victim_queue, victim in worse_than(newcomer, others, batch.base_fee):
            self._remove(victim_queue, victim)
            batch.dropped.append(Dropped(victim.info.hash, DropReason.EVICTED))
            freed += 1
            if freed >= enough and not self._is_full(raw, batch):
                break
        self._forget_empty()
        self._in_vain = None if freed else newcomer
        return not self._is_full(raw, batch)

    # Selection and look-ups

    def select(self, gas: int, max_bytes: int, base_fee: int) -> Selection:
        """The best transactions whose gas limits and bytes fit, in execution order.

        They stay in the pool until `on_block`. A sender whose next one does not fit, or
        does not cover the base fee, is passed over.
        """
        return best(self._queues.values(), gas, max_bytes, base_fee)

    def has_executable(self, base_fee: int) -> bool:
        """Whether `select` with room enough would give anything."""
        if len(self._entries) == self._gapped:
            return False
        return any(is_payable(queue, base_fee) for queue in self._queues.values())

    def get(self, tx_hash: Hash32) -> Entry | None:
        """One waiting transaction."""
        return self._entries.get(tx_hash)

    def get_many(self, hashes: Sequence[Hash32]) -> list[bytes | None]:
        """Raw bytes by hash, None where the pool has none; in order."""
        entries = self._entries
        found = [entries.get(tx_hash) for tx_hash in hashes]
        return [entry.raw if entry is not None else None for entry in found]

    def oldest(self, count: int) -> list[tuple[Hash32, bytes]]:
        """Up to `count` transactions in the order of their admission."""
        return [(h, entry.raw) for h, entry in islice(self._entries.items(), count)]

    def next_nonce(self, sender: Address) -> int | None:
        """The nonce after the sender's executable ones; None when none wait."""
        queue = self._queues.get(sender)
        return queue.ready_end if queue is not None else None

    def content(self) -> Content:
        """Everything by sender (txpool_content)."""
        return _content(self._queues.values())

    def content_from(self, sender: Address) -> Content:
        """What waits of one sender (txpool_contentFrom)."""
        queue = self._queues.get(sender)
        return _content([queue] if queue is not None else [])

    # What takes transactions out

    def on_block(
        self,
        included: Iterable[Hash32],
        touched: Iterable[tuple[Address, int, int]],
        at_ms: int,
    ) -> list[Dropped]:
        """A block is final. `touched` is (sender, nonce, balance) after it.

        Included transactions leave, the next nonces become executable. Returned are
        those that leave for another reason. Also the way to tell of accounts that
        changed by other means: with `included` empty.
        """
        done = frozenset(included)
        self._in_vain = None
        dropped = self.expire(at_ms)
        for sender, nonce, balance in touched:
            queue = self._queues.get(sender)
            if queue is None or nonce < queue.nonce:
                continue
            queue.balance = balance
            for entry in self._advance(queue, nonce):
                if entry.info.hash not in done:
                    dropped.append(Dropped(entry.info.hash, DropReason.NONCE_USED))
            for at in queue.unpayable():
                entry = self._remove(queue, queue.txs[at])
                dropped.append(Dropped(entry.info.hash, DropReason.UNPAYABLE))
            dropped += self._trim(queue)
            if not queue.txs:
                del self._queues[sender]
        return dropped

    def quarantine(self, tx_hash: Hash32, reason: str) -> list[Dropped]:
        """Drop a transaction that the executor refused and never admit it again.

        The sender's later ones wait for its nonce. Remembered: MAX_QUARANTINED.
        """
        if len(self._quarantined) >= MAX_QUARANTINED:
            del self._quarantined[next(iter(self._quarantined))]
        self._quarantined[tx_hash] = reason
        entry = self._entries.get(tx_hash)
        if entry is None:
            return []
        queue = self._queues[entry.info.sender]
        self._remove(queue, entry)
        dropped = [Dropped(tx_hash, DropReason.QUARANTINED, reason), *self._trim(queue)]
        if not queue.txs:
            del self._queues[queue.address]
        return dropped

    def expire(self, at_ms: int) -> list[Dropped]:
        """Drop what has waited its lifetime; looks every EXPIRE_INTERVAL_MS."""
        if at_ms - self._expired_at_ms < EXPIRE_INTERVAL_MS:
            return []
        self._expired_at_ms = at_ms
        oldest = at_ms - self.limits.lifetime_ms
        oldest_gapped = at_ms - self.limits.gapped_lifetime_ms
        late = []
        for entry in self._entries.values():
            if entry.at_ms > max(oldest, oldest_gapped):
                break
            queue = self._queues[entry.info.sender]
            is_gapped = entry.info.nonce >= queue.ready_end
            if entry.at_ms <= (oldest_gapped if is_gapped else oldest):
                late.append((queue, entry))
        dropped = [Dropped(entry.info.hash, DropReason.EXPIRED) for _, entry in late]
        for queue, entry in late:
            self._remove(queue, entry)
        for queue, _ in late:
            dropped += self._trim(queue)
        if late:
            self._forget_empty()
        return dropped

    def _advance(self, queue: SenderQueue, nonce: int) -> list[Entry]:
        before = queue.gapped
        used = queue.advance(nonce)
        self._gapped += queue.gapped - before
        for entry in used:
            del self._entries[entry.info.hash]
            self._bytes -= len(entry.raw)
        return used

    def _remove(self, queue: SenderQueue, entry: Entry) -> Entry:
        before = queue.gapped
        queue.remove(entry.info.nonce)
        self._gapped += queue.gapped - before
        del self._entries[entry.info.hash]
        self._bytes -= len(entry.raw)
        return entry

    def _trim(self, queue: SenderQueue) -> list[Dropped]:
        """Those behind a gap that has just opened count against the limits of gaps."""
        dropped = []
        while queue.gapped and (
            queue.gapped > self.limits.gapped_per_sender
            or self._gapped > self.limits.gapped
        ):
            entry = self._remove(queue, queue.tail())
            dropped.append(Dropped(entry.info.hash, DropReason.EVICTED))
        return dropped

    def _forget_empty(self) -> None:
        empty = [at for at, queue in self._queues.items() if not queue.txs]
        for at in empty:
            del self._queues[at]


def _insufficient(queue: SenderQueue, more: int) -> Admission:
    overshot = queue.cost + more - queue.balance
    detail = (
        f"balance {queue.balance}, queued cost {queue.cost}, tx cost {more}, "
        f"overshot {overshot}"
    )
    return Admission(Refusal.INSUFFICIENT_FUNDS, detail)


def _content(queues: Iterable[SenderQueue]) -> Content:
    pending = {}
    queued = {}
    for queue in queues:
        if queue.ready_end > queue.nonce:
            pending[queue.address] = queue.ready()
        if queue.gapped:
            queued[queue.address] = queue.waiting()
    return Content(pending, queued)
