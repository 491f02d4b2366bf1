"""The messages of one height, and those that came too early: both bounded.

Of each validator the log keeps the PROPOSALs, PREPAREs and COMMITs of its newest
ROUNDS_KEPT rounds and its latest ROUND_CHANGE, at any distance. A second, different
payload for one (kind, round) is evidence and counts for nothing else. What belongs to a
later height waits in a window per authenticated peer: a flood costs the flooder its own
window.
"""

from collections import deque
from collections.abc import Iterable
from typing import TypeVar

from node.chain.validators import ValidatorSet
from node.consensus.messages import (
    AnySigned,
    Commit,
    Evidence,
    Message,
    P,
    Prepare,
    Proposal,
    ProposalMessage,
    RoundChangeMessage,
    Signed,
)
from node.primitives.types import Address, Hash32

ROUNDS_KEPT = 8
FUTURE_MESSAGES_PER_PEER = 64
FUTURE_PROPOSALS_PER_PEER = 4
FUTURE_PEERS = 256

B = TypeVar("B", Prepare, Commit)


class MessageLog:
    """What the validators of one height said."""

    def __init__(self, validators: ValidatorSet) -> None:
        """Empty, for this set."""
        self._validators = validators
        self._proposals: dict[Address, dict[int, Signed[Proposal]]] = {}
        self._prepares: dict[Address, dict[int, Signed[Prepare]]] = {}
        self._commits: dict[Address, dict[int, Signed[Commit]]] = {}
        self._round_changes: dict[Address, RoundChangeMessage] = {}
        self._accused: dict[tuple[Address, int], None] = {}
        self.reached: dict[Address, int] = {}
        """The latest round each validator was heard in."""
        self.highest = 0
        """The latest round of them all."""
        self._heard_ms: dict[Address, int] = {}

    def hear(self, author: Address, round_: int, at_ms: int) -> None:
        """The validator is there, and in this round or a later one."""
        self.reached[author] = max(round_, self.reached.get(author, 0))
        self.highest = max(round_, self.highest)
        self._heard_ms[author] = at_ms

    def add_proposal(self, signed: Signed[Proposal]) -> AnySigned | None:
        """Keep it; the different one kept before, if any."""
        return _keep(self._proposals.setdefault(signed.author, {}), signed)

    def add_prepare(self, signed: Signed[Prepare]) -> AnySigned | None:
        """Keep it; the different one kept before, if any."""
        return _keep(self._prepares.setdefault(signed.author, {}), signed)

    def add_commit(self, signed: Signed[Commit]) -> AnySigned | None:
        """Keep it; the different one kept before, if any."""
        return _keep(self._commits.setdefault(signed.author, {}), signed)

    def add_round_change(self, message: RoundChangeMessage) -> AnySigned | None:
        """Keep it if it is the author's latest; the different one of the same round."""
        signed = message.signed
        latest = self._round_changes.get(signed.author)
        if latest is None or signed.payload.round > latest.signed.payload.round:
            self._round_changes[signed.author] = message
            return None
        known = latest.signed
        same_round = signed.payload.round == known.payload.round
        return known if same_round and signed.payload != known.payload else None

    def accuse(self, first: AnySigned, second: AnySigned) -> Evidence | None:
        """Evidence, once per validator, kind and height: a liar fills no disk."""
        key = (second.author, second.payload.code)
        if key in self._accused:
            return None
        self._accused[key] = None
        return Evidence(first, second)

    def prepares(self, round_: int, digest: Hash32) -> list[Signed[Prepare]]:
        """PREPAREs of this round for this block, in the validators' order."""
        found = (self._prepares.get(who, {}) for who in self._validators.addresses)
        return _matching([kept.get(round_) for kept in found], digest)

    def commits(self, round_: int, digest: Hash32) -> list[Signed[Commit]]:
        """COMMITs of this round for this block, in the validators' order."""
        found = (self._commits.get(who, {}) for who in self._validators.addresses)
        return _matching([kept.get(round_) for kept in found], digest)

    def round_changes(self, round_: int) -> list[RoundChangeMessage]:
        """The latest ROUND_CHANGEs that are for exactly this round, in order."""
        latest = (self._round_changes.get(who) for who in self._validators.addresses)
        return [m for m in latest if m and m.signed.payload.round == round_]

    def authors_in(self, round_: int) -> tuple[tuple[Address, ...], ...]:
        """Who sent a PROPOSAL, PREPARE, COMMIT, ROUND_CHANGE of this round."""
        kinds = (self._proposals, self._prepares, self._commits)
        order = self._validators.addresses
        authors = [tuple(w for w in order if round_ in k.get(w, {})) for k in kinds]
        changed = tuple(m.signed.author for m in self.round_changes(round_))
        return (*authors, changed)

    def is_heard_since(self, since_ms: int, who: Address) -> bool:
        """Whether the validator said anything since then."""
        heard_ms = self._heard_ms.get(who)
        return heard_ms is not None and heard_ms >= since_ms

    def round_reached_by(self, count: int, apart_from: Address | None) -> int:
        """The `count`-th largest of the other validators' latest rounds; 0 if fewer."""
        others = [r for who, r in self.reached.items() if who != apart_from]
        others.sort(reverse=True)
        return others[count - 1] if len(others) >= count else 0

    def rounds_of_present(self, since_ms: int, apart_from: Address | None) -> list[int]:
        """Latest rounds of the other validators heard since then, ascending."""
        return sorted(
            round_
            for who, round_ in self.reached.items()
            if who != apart_from and self.is_heard_since(since_ms, who)
        )


def _keep(rounds: dict[int, Signed[P]], signed: Signed[P]) -> Signed[P] | None:
    """Keep the newest rounds; the different one of the same round, if any."""
    round_ = signed.payload.round
    known = rounds.get(round_)
    if known is not None:
        return known if known.payload != signed.payload else None
    rounds[round_] = signed
    if len(rounds) > ROUNDS_KEPT:
        del rounds[min(rounds)]
    return None


def _matching(kept: Iterable[Signed[B] | None], digest: Hash32) -> list[Signed[B]]:
    return [signed for signed in kept if signed and signed.payload.digest == digest]


class FutureWindow:
    """Messages of heights to come, a bounded number of each peer, the newest ones.

    A node so far behind that the window overflows catches up by sync, and then the
    newest are the ones it needs.
    """

    def __init__(self) -> None:
        """Empty."""
        self._messages: dict[Address, deque[Message]] = {}
        self._proposals: dict[Address, deque[Message]] = {}

    def add(self, peer: Address, message: Message) -> None:
        """Keep it; the peer's oldest makes room."""
        is_proposal = isinstance(message, ProposalMessage)
        kept = self._proposals if is_proposal else self._messages
        if peer not in kept:
            if len(kept) >= FUTURE_PEERS:
                return
            limit = (
                FUTURE_PROPOSALS_PER_PEER if is_proposal else FUTURE_MESSAGES_PER_PEER
            )
            kept[peer] = deque(maxlen=limit)
        kept[peer].append(message)

    def take(self, height: int) -> list[tuple[Address, Message]]:
        """The messages of this height, PROPOSALs first; older ones are forgotten."""
        taken: list[tuple[Address, Message]] = []
        for kept in (self._proposals, self._messages):
            for peer in list(kept):
                messages = kept.pop(peer)
                later = [m for m in messages if m.signed.payload.height > height]
                taken += [
                    (peer, m) for m in messages if m.signed.payload.height == height
                ]
                if later:
                    kept[peer] = deque(later, maxlen=messages.maxlen)
        return taken

    def __len__(self) -> int:
        kept = (*self._proposals.values(), *self._messages.values())
        return sum(len(messages) for messages in kept)
