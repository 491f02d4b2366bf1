"""Catching up with the chain: whom to ask for which blocks, and what to apply.

The problem: a node that was away, or whose consensus messages were lost, must reach the
head of the others without trusting any of them. Blocks are fetched in ranges from
several peers at once and checked strictly in order, each against the validator set that
executing its parent gave; nothing unchecked is applied. A peer that lies or stays
silent is reported and others are asked; what it claimed about its height counts no
longer. All memory is bounded by the named limits.

The driver feeds it statuses, answers and the passing of time, performs its effects, and
tells it every new head, whoever brought it. It refuses to decide forks: there are none
among blocks with certificates.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

from node.chain.header import Header
from node.chain.validators import ValidatorSet
from node.primitives.types import Address
from node.sync.messages import MAX_BLOCKS_PER_ANSWER, Blocks, GetBlocks
from node.sync.verification import BlockRefused, CertifiedBlock, Checks, verify

MAX_PEERS = 128
MAX_IN_FLIGHT = 4
MAX_BUFFERED_BLOCKS = 512
MAX_BUFFERED_BYTES = 32_000_000
MAX_BACKOFF_MS = 30_000


@dataclass(frozen=True, slots=True)
class SyncLimits:
    """Waits, in milliseconds."""

    grace_ms: int = 300
    """How long a peer may be ahead before its blocks are asked for: in normal running
    some node is always first to commit."""
    timeout_ms: int = 3_000
    """How long a peer may take to answer."""
    backoff_ms: int = 1_000
    """How long a peer that failed is left alone at first; doubles each time."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Send the request to the peer."""

    peer: Address
    request: GetBlocks


@dataclass(frozen=True, slots=True)
class Apply:
    """Execute and commit; answer with `on_head` or `on_apply_failed`."""

    certified: CertifiedBlock


@dataclass(frozen=True, slots=True)
class Blame:
    """Report the peer: it lied or did not answer."""

    peer: Address
    reason: str


SyncEffect: TypeAlias = Ask | Apply | Blame


@dataclass(slots=True)
class _Peer:
    height: int = 0
    request: GetBlocks | None = None
    deadline_ms: int = 0
    failures: int = 0
    rests_until_ms: int = 0
    asked: int = 0


@dataclass(slots=True)
class _Buffered:
    peer: Address
    block: bytes
    certificate: bytes

    @property
    def size(self) -> int:
        return len(self.block) + len(self.certificate)


@dataclass(slots=True)
class CatchUp:
    """The machine; `head` and `validators` are those to continue from."""

    head: Header
    validators: ValidatorSet
    checks: Checks
    limits: SyncLimits = field(default_factory=SyncLimits)
    _peers: dict[Address, _Peer] = field(default_factory=dict)
    _buffer: dict[int, _Buffered] = field(default_factory=dict)
    _applying: _Buffered | None = None
    _ahead_since_ms: int | None = None
    _next_id: int = 1
    _now_ms: int = 0

    @property
    def target(self) -> int:
        """The highest height a peer claims; the own head when none is ahead."""
        heights = [peer.height for peer in self._peers.values()]
        return max([self.head.number, *heights])

    @property
    def is_active(self) -> bool:
        """Whether blocks are being fetched or applied."""
        if self._buffer or self._applying is not None:
            return True
        return any([peer.request for peer in self._peers.values()])

    def deadline_ms(self) -> int | None:
        """When `on_tick` must be called next; None when nothing waits for time."""
        requests = [peer.deadline_ms for peer in self._peers.values() if peer.request]
        waits: list[int] = []
        if self.target > self.head.number:
            if self._ahead_since_ms is not None:
                waits.append(self._ahead_since_ms + self.limits.grace_ms)
            waits += [
                peer.rests_until_ms for peer in self._peers.values() if not peer.request
            ]
        # Any event deals with what else has passed, but only `on_tick` with requests.
        waits = [wait for wait in waits if wait > self._now_ms]
        return min([*requests, *waits], default=None)

    def on_status(self, peer: Address, height: int, at_ms: int) -> list[SyncEffect]:
        """A peer says where it stands."""
        if peer not in self._peers and len(self._peers) >= MAX_PEERS:
            return []
        known = self._peers.get(peer)
        if known is None:
            known = self._peers[peer] = _Peer()
        if at_ms >= known.rests_until_ms:
            known.height = height
        return self._continue(at_ms)

    def on_disconnected(self, peer: Address, at_ms: int) -> list[SyncEffect]:
        """Its request is asked of others; what it sent already stays."""
        self._peers.pop(peer, None)
        return self._continue(at_ms)

    def on_blocks(self, peer: Address, answer: Blocks, at_ms: int) -> list[SyncEffect]:
        """Keep what was asked for; an answer to nothing is ignored."""
        known = self._peers.get(peer)
        request = known.request if known else None
        if not known or not request or request.request_id != answer.request_id:
            return []
        known.request = None
        if not answer.blocks:
            # Not a lie by itself: its claim may be newer than its store.
            blame = self._fail(peer, "it has no blocks that it claims", at_ms)
            return [*blame, *self._continue(at_ms)]
        known.failures = 0
        for offset, (block, certificate) in enumerate(answer.blocks[: request.count]):
            self._keep(request.first + offset, _Buffered(peer, block, certificate))
        return self._continue(at_ms)

    def on_head(
        self, head: Header, validators: ValidatorSet, at_ms: int
    ) -> list[SyncEffect]:
        """The chain grew, by consensus or by an Apply."""
        self.head, self.validators = head, validators
        self._applying = None
        self._ahead_since_ms = None if self.target <= head.number else at_ms
        self._buffer = {h: b for h, b in self._buffer.items() if h > head.number}
        return self._continue(at_ms)

    def on_apply_failed(self, reason: str, at_ms: int) -> list[SyncEffect]:
        """The body was not the header's: the peer that sent it lied."""
        liar, self._applying = self._applying, None
        effects = self._distrust(liar.peer, reason, at_ms) if liar else []
        return [*effects, *self._continue(at_ms)]

    def on_tick(self, at_ms: int) -> list[SyncEffect]:
        """Time passed: requests that are overdue are asked of others."""
        effects: list[SyncEffect] = []
        for address, peer in list(self._peers.items()):
            if peer.request and at_ms >= peer.deadline_ms:
                peer.request = None
                effects += self._fail(address, "no answer to a block request", at_ms)
        return [*effects, *self._continue(at_ms)]

    def _continue(self, at_ms: int) -> list[SyncEffect]:
        self._now_ms = at_ms
        effects = self._apply_next(at_ms)
        is_behind = self.target > self.head.number
        if not is_behind:
            self._ahead_since_ms = None
        elif self._ahead_since_ms is None:
            self._ahead_since_ms = at_ms
        waited = at_ms - (at_ms if (s := self._ahead_since_ms) is None else s)
        if self.is_active or (is_behind and waited >= self.limits.grace_ms):
            effects += self._ask(at_ms)
        return effects

    def _apply_next(self, at_ms: int) -> list[SyncEffect]:
        """Check and apply the block after the head, if it is here."""
        effects: list[SyncEffect] = []
        while self._applying is None:
            found = self._buffer.pop(self.head.number + 1, None)
            if found is None:
                break
            try:
                raws = found.block, found.certificate
                certified = verify(*raws, self.head, self.validators, self.checks)
            except BlockRefused as error:
                effects += self._distrust(found.peer, str(error), at_ms)
                continue
            self._applying = found
            effects.append(Apply(certified))
        return effects

    def _ask(self, at_ms: int) -> list[SyncEffect]:
        """Ask idle peers for what is missing, up to the limits."""
        effects: list[SyncEffect] = []
        while True:
            flying = [p.request for p in self._peers.values() if p.request]
            first, count = self._missing(flying)
            found = self._idle_peer(first, at_ms) if count else None
            if found is None or len(flying) >= MAX_IN_FLIGHT:
                return effects
            address, peer = found
            count = min(count, peer.height - first + 1, MAX_BLOCKS_PER_ANSWER)
            peer.request = GetBlocks(self._next_id, first, count)
            peer.deadline_ms = at_ms + self.limits.timeout_ms
            peer.asked = self._next_id
            self._next_id += 1
            effects.append(Ask(address, peer.request))

    def _missing(self, flying: list[GetBlocks]) -> tuple[int, int]:
        """(first, count) of the lowest run that is neither here nor asked for."""
        first = self.head.number + (2 if self._applying else 1)
        last = min(self.target, self.head.number + MAX_BUFFERED_BLOCKS)
        if sum(b.size for b in self._buffer.values()) > MAX_BUFFERED_BYTES:
            last = min(last, first)  # only what unblocks the rest
        taken = [range(r.first, r.first + r.count) for r in flying]

        def is_missing(height: int) -> bool:
            asked = any(height in heights for heights in taken)
            return height not in self._buffer and not asked

        while first <= last and not is_missing(first):
            first += 1
        end = first
        while end <= last and is_missing(end):
            end += 1
        return first, end - first

    def _idle_peer(self, height: int, at_ms: int) -> tuple[Address, _Peer] | None:
        """Who has the block and is free: the least failing, then least lately asked."""
        able = [
            (peer.failures, peer.asked, address)
            for address, peer in self._peers.items()
            if peer.height >= height
            and not peer.request
            and at_ms >= peer.rests_until_ms
        ]
        if not able:
            return None
        address = min(able)[2]
        return address, self._peers[address]

    def _keep(self, height: int, buffered: _Buffered) -> None:
        if height > self.head.number and height not in self._buffer:
            self._buffer[height] = buffered

    def _distrust(self, peer: Address, reason: str, at_ms: int) -> list[SyncEffect]:
        """A proven lie: nothing that this peer sent is used."""
        self._buffer = {h: b for h, b in self._buffer.items() if b.peer != peer}
        return self._fail(peer, reason, at_ms)

    def _fail(self, peer: Address, reason: str, at_ms: int) -> list[SyncEffect]:
        known = self._peers.get(peer)
        if known:
            wait = self.limits.backoff_ms << min(known.failures, 16)
            known.failures += 1
            known.rests_until_ms = at_ms + min(wait, MAX_BACKOFF_MS)
            known.height = 0
        return [Blame(peer, reason)]
