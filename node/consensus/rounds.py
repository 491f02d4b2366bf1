"""Which round a height is in, when it ends, and what its proposer proposes.

Round 0 begins with a transaction or after the empty block period; later rounds with a
timeout, with f+1 validators that are further, or with a justified PROPOSAL
(`node.consensus.height`). Source: EEA QBFT, `UponBlockTimeout`, `UponRoundTimeout`,
`UponRoundChange`.
"""

from node.consensus.effects import Broadcast, BuildBlock, ObtainBlock, SignAndBroadcast
from node.consensus.events import BlockBuilt, TimerFired, TimerKind
from node.consensus.justification import highest_prepared
from node.consensus.messages import (
    BlockReference,
    Proposal,
    ProposalDraft,
    RoundChange,
    RoundChangeDraft,
)
from node.consensus.round_state import HeightState, Justification, Outbox, Phase
from node.consensus.timers import MAX_ROUNDS_A_STEP, EngineConfig, block_halvings


class Rounds:
    """The rounds of one height."""

    def __init__(self, config: EngineConfig, state: HeightState, out: Outbox) -> None:
        """Waiting for `begin`."""
        self._config = config
        self._state = state
        self._out = out

    # --- round 0 ---

    def begin(self, pending: bool) -> None:
        """Wait for a reason to propose; after a crash, take up the logged round."""
        state, guard = self._state, self._out.guard
        if not state.active:
            return
        if guard.has_signed_at(state.height):
            state.prepared = guard.prepared
            self.enter(guard.round)
            for draft in guard.drafts():
                self._out.emit(SignAndBroadcast(draft))
            return
        idle_ms = 0 if pending else self._config.empty_block_period_ms
        wait_ms = max(idle_ms, self._config.min_block_interval_ms)
        self._out.set_timer(TimerKind.START, wait_ms, state)

    def on_transactions_pending(self) -> None:
        """Round 0 begins after the gathering time, unless it would begin sooner."""
        deadline_ms = self._out.deadlines.get(TimerKind.START)
        if deadline_ms is None:
            return
        passed_ms = self._out.now_ms - self._state.started_ms
        interval_ms = self._config.min_block_interval_ms - passed_ms
        wait_ms = max(self._config.gathering_ms, interval_ms)
        if self._out.now_ms + wait_ms < deadline_ms:
            self._out.set_timer(TimerKind.START, wait_ms, self._state)

    def _on_start(self) -> None:
        """UponBlockTimeout: the proposer of round 0 builds, the others expect it."""
        state = self._state
        state.enter(0)
        wait_ms = self._config.proposal_timeout_ms(state.missed)
        self._out.set_timer(TimerKind.ROUND, wait_ms, state)
        if self._is_proposer():
            self._build(Justification(None))

    # --- timers ---

    def on_timer(self, event: TimerFired) -> None:
        """A timer of this height; one that was replaced or dropped is nothing."""
        state, kind = self._state, event.kind
        deadline_ms = self._out.deadlines.get(kind)
        if deadline_ms is None or event.round != state.round:
            return
        if event.at_ms < deadline_ms:  # it was moved while it fired
            self._out.rearm(kind, state)
            return
        del self._out.deadlines[kind]
        if kind is TimerKind.START:
            self._on_start()
        elif kind is TimerKind.ROUND:
            state.failed_live = state.failed_live + 1 if state.is_live else 0
            self._change(self._next_round())
        else:
            self._resend()

    def _next_round(self) -> int:
        """One further, or as far as a quorum of those present has to come anyway."""
        state = self._state
        rounds = sorted([state.round, *self._rounds_of_present()])
        following = state.round + 1
        if len(rounds) < state.validators.quorum:
            return following
        common = rounds[state.validators.quorum - 1]
        return max(following, min(common, state.round + MAX_ROUNDS_A_STEP))

    def _resend(self) -> None:
        """What this node said in the waiting round may have been lost."""
        for message in self._state.own.values():
            if message.signed.payload.round == self._state.round:
                self._out.emit(Broadcast(message))
        self._out.set_timer(TimerKind.RESEND, self._config.resend_ms, self._state)

    def _rounds_of_present(self) -> list[int]:
        since_ms = self._out.now_ms - self._config.alive_ms
        return self._state.log.rounds_of_present(since_ms, self._config.own)

    # --- moving on ---

    def enter(self, round_: int) -> None:
        """Be in this round, with its full time."""
        self._state.enter(round_)
        self._out.cancel(TimerKind.START)
        self.restart_timer()
        if self._state.active and round_ > 0:
            self._out.set_timer(TimerKind.RESEND, self._config.resend_ms, self._state)

    def restart_timer(self) -> None:
        """The full time of the round from now on; a follower waits for nobody."""
        if self._state.active:
            wait_ms = self._config.timeout_ms(self._state.round)
            self._out.set_timer(TimerKind.ROUND, wait_ms, self._state)

    def follow(self) -> None:
        """UponRoundChange, f+1: one honest validator at least is that far."""
        if self._state.log.highest <= self._state.round:
            return  # nobody is
        needed = self._state.validators.faulty_max + 1
        target = self._state.log.round_reached_by(needed, self._config.own)
        if target > self._state.round:
            self._change(target)

    def _change(self, round_: int) -> None:
        """Move up and say so, with what was prepared before."""
        state, prepared = self._state, self._state.prepared
        self.enter(round_)
        if prepared is None:
            self._out.sign(RoundChangeDraft(RoundChange(state.height, round_)), state)
            return
        change = RoundChange(state.height, round_, prepared.round, prepared.digest)
        self._out.sign(RoundChangeDraft(change, prepared.prepares), state)

    def on_presence(self) -> None:
        """A quorum is in this round or above: its timer starts anew, once a round."""
        state = self._state
        if state.round == 0 or state.is_live or not state.active:
            return
        present = 1 + sum(r >= state.round for r in self._rounds_of_present())
        if present >= state.validators.quorum:
            state.is_live = True
            wait_ms = self._config.timeout_ms(state.failed_live)
            self._out.set_timer(TimerKind.ROUND, wait_ms, state)

    # --- proposing ---

    def _is_proposer(self) -> bool:
        """It is our turn, and no PROPOSAL or later message of the round is signed."""
        state = self._state
        if not state.active or state.proposer(state.round) != self._config.own:
            return False
        return self._out.guard.may_propose(state.height, state.round)

    def propose_if_justified(self) -> None:
        """UponRoundChange, quorum: the proposer of a later round proposes."""
        state = self._state
        if state.round == 0 or state.justification is not None:
            return
        if not self._is_proposer():
            return
        changes = state.log.round_changes(state.round)
        if len(changes) < state.validators.quorum:
            return
        signed = tuple(message.signed for message in changes)
        highest = highest_prepared(signed)
        if highest is None:
            self._build(Justification(None, signed))
            return
        prepares = next(m.prepares for m in changes if m.signed is highest)
        digest = highest.payload.prepared_digest
        state.justification = Justification(digest, signed, prepares)
        if digest in state.blocks:
            self._propose(state.blocks[digest], state.justification)
        elif digest is not None:
            self._out.emit(ObtainBlock(state.height, digest))

    def _build(self, justification: Justification) -> None:
        state = self._state
        state.justification = justification
        halvings = block_halvings(state.round, state.missed)
        self._out.emit(BuildBlock(state.height, state.round, halvings))

    def on_block_built(self, event: BlockBuilt) -> None:
        """A block that could not be built, or came too late, costs the round."""
        justification = self._expected_justification()
        if event.block is None or event.round != self._state.round:
            return
        if justification is not None and justification.digest is None:
            self._propose(event.block, justification)

    def on_block_obtained(self, block: BlockReference) -> None:
        """The block that this round's proposer must propose again."""
        justification = self._expected_justification()
        if justification is not None and justification.digest == block.digest:
            self._state.remember(block)
            self._propose(block, justification)

    def _expected_justification(self) -> Justification | None:
        """Of the proposal in the making; None when the round needs none of us."""
        state = self._state
        return state.justification if state.phase is Phase.PROPOSAL else None

    def _propose(self, block: BlockReference, justification: Justification) -> None:
        """Send it; it comes back and is validated here like anyone's."""
        state = self._state
        proposal = Proposal(state.height, state.round, block.digest)
        changes, prepares = justification.round_changes, justification.prepares
        self._out.sign(ProposalDraft(proposal, block, changes, prepares), state)
