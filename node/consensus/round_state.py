"""What the engine remembers of the height it works on, and what it asks for.

No decisions but one: `Outbox.sign` lets nothing out that the safety log forbids, and
asks for durability before the signature. Nothing is signed anywhere else.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from node.chain.certificate import CommitCertificate
from node.chain.header import Header
from node.chain.signing import MessageCode
from node.chain.validators import ValidatorSet
from node.consensus.effects import (
    CancelTimer,
    Effect,
    PersistSafetyRecord,
    ReportPeer,
    SetTimer,
    SignAndBroadcast,
)
from node.consensus.events import TimerKind
from node.consensus.message_log import MessageLog
from node.consensus.messages import (
    BlockReference,
    Draft,
    Message,
    Prepare,
    PreparedCertificate,
    ProposalMessage,
    RoundChange,
    Signed,
)
from node.consensus.safety import Permit, SigningGuard
from node.primitives.types import Address, Hash32

MAX_KNOWN_BLOCKS = 8
"""Proposed blocks of one height, by reference; the oldest make room."""


class Phase(StrEnum):
    """Where the round stands, seen from this node."""

    WAITING = "waiting"  # round 0 has not begun: nothing to propose yet
    PROPOSAL = "proposal"  # waiting for the round's PROPOSAL
    VALIDATING = "validating"  # its block is being fetched and executed
    PREPARE = "prepare"  # waiting for a quorum of PREPAREs
    COMMIT = "commit"  # waiting for a quorum of COMMITs
    FINAL = "final"  # a quorum committed: fetching, executing or storing the block


@dataclass(frozen=True, slots=True)
class Justification:
    """Why this node may propose in a round, frozen when it began to.

    What arrives later may not change it half-way: a late prepared ROUND_CHANGE would
    forbid the fresh block that is being built.
    """

    digest: Hash32 | None
    """The block to propose again; None for a fresh one."""
    round_changes: tuple[Signed[RoundChange], ...] = ()
    prepares: tuple[Signed[Prepare], ...] = ()


@dataclass(slots=True)
class HeightState:
    """The state of one height; replaced as a whole by the next one's."""

    parent: Header
    validators: ValidatorSet
    started_ms: int
    active: bool
    """This node is one of the validators and may sign here; else it follows."""
    refusal: str
    """Why it may not sign here; empty when it may."""
    missed: int
    """Turns that the proposer of round 0 let pass lately."""
    log: MessageLog
    height: int = field(init=False)
    round: int = 0
    phase: Phase = Phase.WAITING
    accepted: ProposalMessage | None = None
    justification: Justification | None = None
    prepared: PreparedCertificate | None = None
    certificate: CommitCertificate | None = None
    is_stored: bool = False
    """CommitBlock was asked for."""
    blocks: dict[Hash32, BlockReference] = field(default_factory=dict)
    valid: dict[Hash32, None] = field(default_factory=dict)
    own: dict[MessageCode, Message] = field(default_factory=dict)
    """This node's latest message of each kind, to be sent again."""
    is_live: bool = False
    """A quorum was present in this round (`Rounds.on_presence`)."""
    failed_live: int = 0
    """Rounds in a row that failed although a quorum was present."""

    def __post_init__(self) -> None:
        self.height = self.parent.number + 1

    def proposer(self, round_: int) -> Address:
        """Who proposes in a round of this height."""
        return self.validators.proposer(self.parent.coinbase, round_)

    def enter(self, round_: int) -> None:
        """Forget what belonged to the round before."""
        self.round = round_
        self.phase = Phase.PROPOSAL
        self.accepted = None
        self.justification = None
        self.is_live = False

    def remember(self, block: BlockReference) -> None:
        """Keep a proposed block by reference."""
        self.blocks.setdefault(block.digest, block)
        if len(self.blocks) <= MAX_KNOWN_BLOCKS:
            return
        needed = [block.digest]
        if self.prepared:
            needed.append(self.prepared.digest)
        if self.accepted:
            needed.append(self.accepted.block.digest)
        oldest = next(digest for digest in self.blocks if digest not in needed)
        del self.blocks[oldest]
        self.valid.pop(oldest, None)


class Outbox:
    """Collects the effects of one step; remembers deadlines across steps."""

    def __init__(self, guard: SigningGuard) -> None:
        """Nothing asked for, no timer set."""
        self.guard = guard
        self.now_ms = 0
        self.deadlines: dict[TimerKind, int] = {}
        """Of the timers that are set, in monotonic milliseconds."""
        self._effects: list[Effect] = []

    def take(self) -> list[Effect]:
        """The effects so far, in order; the next ones begin a new list."""
        effects, self._effects = self._effects, []
        return effects

    def emit(self, effect: Effect) -> None:
        """Ask for an effect, after those before it."""
        self._effects.append(effect)

    def sign(self, draft: Draft, state: HeightState) -> None:
        """Persist, then sign and send; nothing that contradicts an older signature."""
        if not state.active:
            return
        permit = self.guard.permit(draft.payload)
        if permit is Permit.NEVER:
            return
        if permit is Permit.NEW:
            record = self.guard.note(draft.payload, state.prepared)
            self.emit(PersistSafetyRecord(record))
        self.emit(SignAndBroadcast(draft))

    def set_timer(self, kind: TimerKind, wait_ms: int, state: HeightState) -> None:
        """(Re)place the timer of this kind, for the current round."""
        self.deadlines[kind] = self.now_ms + wait_ms
        self.rearm(kind, state)

    def rearm(self, kind: TimerKind, state: HeightState) -> None:
        """Ask once more for a timer that is set."""
        deadline_ms = self.deadlines[kind]
        self.emit(SetTimer(kind, deadline_ms, state.height, state.round))

    def cancel(self, kind: TimerKind) -> None:
        """Drop the timer of this kind, if set."""
        if self.deadlines.pop(kind, None) is not None:
            self.emit(CancelTimer(kind))

    def cancel_all(self) -> None:
        """Drop every timer."""
        for kind in TimerKind:
            self.cancel(kind)

    def report(self, peer: Address | None, reason: str) -> None:
        """A peer sent what no honest node sends; our own messages are nobody's."""
        if peer is not None:
            self.emit(ReportPeer(peer, reason))
