"""The engine: takes in events, keeps what outlives a height, and shows where it stands.

`step(event)` returns what to do and does nothing itself: no clock (events carry
`at_ms`), no disk, no network, no randomness, and no order that depends on hashing. The
norm is the QBFT specification of the Enterprise Ethereum Alliance (its Dafny model);
handlers cite its predicates, and the package's docstring lists the differences.
"""

from dataclasses import dataclass

from node.consensus.effects import Effect, ForbidSigning, SendTo
from node.consensus.events import (
    BlockBuilt,
    BlockObtained,
    BlockValidated,
    Event,
    MessageReceived,
    NewHeight,
    PeerConnected,
    SigningForbidden,
    TimerFired,
    TimerKind,
    TransactionsPending,
)
from node.consensus.height import Height
from node.consensus.message_log import FutureWindow, MessageLog
from node.consensus.messages import AnySigned, Message
from node.consensus.round_state import HeightState, Outbox, Phase
from node.consensus.safety import SafetyState, SigningGuard
from node.consensus.timers import EngineConfig, missed_turns
from node.primitives.types import Address


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """What `status` and `doctor` show; all times are those of the events.

    Lists of validators are in ascending order of address. A validator is `present`
    when it was heard at this height within the last two round timeouts; in the waiting
    phase nobody has anything to say.
    """

    height: int
    round: int
    phase: Phase
    proposer: Address
    validators: tuple[Address, ...]
    quorum: int
    proposed: bool
    """A justified PROPOSAL of this round was accepted."""
    prepared_by: tuple[Address, ...]
    committed_by: tuple[Address, ...]
    round_changes_by: tuple[Address, ...]
    """Whose latest ROUND_CHANGE is for exactly this round."""
    reached: tuple[tuple[Address, int], ...]
    """The latest round each validator was heard in, if it was heard."""
    present: tuple[Address, ...]
    prepared_round: int | None
    next_timer_ms: int | None
    """Deadline of the round, or of its start; None when nothing is waited for."""
    may_sign: bool
    refusal: str
    """Why nothing is signed at this height; empty when it is."""


class Engine:
    """One validator's, or observer's, consensus. Idle until the first NewHeight."""

    def __init__(self, config: EngineConfig, safety: SafetyState) -> None:
        """Continue where the safety log ends."""
        self._config = config
        self._guard = SigningGuard(safety)
        self._out = Outbox(self._guard)
        self._future = FutureWindow()
        self._height: Height | None = None

    def step(self, event: Event) -> list[Effect]:
        """Take in one event; the effects are to be performed in their order."""
        self._out.now_ms = event.at_ms
        match event:
            case MessageReceived():
                self._on_message(event.peer, event.message)
            case NewHeight():
                self._on_new_height(event)
            case SigningForbidden():
                self._guard.forbid(event.height)
                self._stop_signing()
            case _:
                if self._height is not None:
                    self._on_event_of_height(event, self._height)
        return self._out.take()

    def _on_event_of_height(self, event: Event, height: Height) -> None:
        match event:
            case TransactionsPending():
                height.rounds.on_transactions_pending()
            case PeerConnected():
                for message in height.state.own.values():
                    self._out.emit(SendTo(event.peer, message))
            case TimerFired() | BlockBuilt() | BlockValidated() | BlockObtained() if (
                event.height != height.state.height
            ):
                pass  # an answer that came too late
            case TimerFired():
                height.rounds.on_timer(event)
            case BlockBuilt():
                height.rounds.on_block_built(event)
            case BlockValidated():
                height.on_block_validated(event)
            case BlockObtained():
                height.on_block_obtained(event)

    def _on_new_height(self, event: NewHeight) -> None:
        """UponNewBlock: begin the height after the head, whoever made it final."""
        number = event.parent.number + 1
        if self._height is not None and number <= self._height.state.height:
            return
        self._out.cancel_all()
        validators = event.validators
        proposer = validators.proposer(event.parent.coinbase, 0)
        refusal = self._refusal(number, event)
        state = HeightState(
            parent=event.parent,
            validators=validators,
            started_ms=event.at_ms,
            active=not refusal,
            refusal=refusal,
            missed=missed_turns(event.recent_coinbases, validators, proposer),
            log=MessageLog(validators),
        )
        self._height = Height(self._config, state, self._out)
        self._height.rounds.begin(event.pending)
        for peer, message in self._future.take(number):
            self._height.on_message(peer, message)

    def _refusal(self, number: int, event: NewHeight) -> str:
        """Why this node signs nothing at this height; empty when it does."""
        if self._config.own is None:
            return "an observer has no validator key"
        if self._config.own not in event.validators:
            return "not one of the validators of this height"
        return self._guard.refusal(number)

    def _on_message(self, peer: Address | None, message: Message) -> None:
        signed = message.signed
        if peer is not None and signed.author == self._config.own:
            self._on_own_from_peer(signed)
        current = self._height.state.height if self._height is not None else 0
        if self._height is not None and signed.payload.height == current:
            self._height.on_message(peer, message)
        elif peer is not None and signed.payload.height > current:
            self._future.add(peer, message)

    def _on_own_from_peer(self, signed: AnySigned) -> None:
        """A signature of ours that we do not know: a clone signs, or our log is old."""
        forbidden = signed.payload.height + 1
        if self._guard.lacks(signed.payload) and self._guard.forbid(forbidden):
            reason = "a peer delivered a signature of this validator that its log lacks"
            self._out.emit(ForbidSigning(forbidden, reason))
            self._stop_signing()

    def _stop_signing(self) -> None:
        """From a validator to a follower, if the ban concerns this height."""
        if self._height is None or not self._height.state.active:
            return
        state = self._height.state
        state.refusal = self._guard.refusal(state.height)
        if state.refusal:
            state.active = False
            self._out.cancel_all()

    def status(self) -> EngineStatus | None:
        """Where the engine stands; None before the first NewHeight."""
        if self._height is None:
            return None
        state, deadlines = self._height.state, self._out.deadlines
        order, log = state.validators.addresses, state.log
        _, prepares, commits, round_changes = log.authors_in(state.round)
        since_ms = self._out.now_ms - self._config.alive_ms
        starts_ms = deadlines.get(TimerKind.START)
        return EngineStatus(
            height=state.height,
            round=state.round,
            phase=state.phase,
            proposer=state.proposer(state.round),
            validators=order,
            quorum=state.validators.quorum,
            proposed=state.accepted is not None,
            prepared_by=prepares,
            committed_by=commits,
            round_changes_by=round_changes,
            reached=tuple((w, log.reached[w]) for w in order if w in log.reached),
            present=tuple(w for w in order if log.is_heard_since(since_ms, w)),
            prepared_round=state.prepared.round if state.prepared else None,
            next_timer_ms=deadlines.get(TimerKind.ROUND, starts_ms),
            may_sign=state.active,
            refusal=state.refusal,
        )
