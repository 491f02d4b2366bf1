"""Agreement on one block: PROPOSAL, PREPARE, COMMIT, ROUND_CHANGE as they arrive.

A message is first kept or refused (`_take`), then the node follows validators that are
further (`Rounds.follow`), then it does whatever the messages held allow (`_advance`).
Source: EEA QBFT, `UponProposal`, `UponPrepare`, `UponCommit`.
"""

from node.chain.certificate import CommitCertificate
from node.consensus.effects import (
    CommitBlock,
    Halt,
    ObtainBlock,
    PersistBody,
    RecordEvidence,
    SendTo,
    ValidateBlock,
)
from node.consensus.events import BlockObtained, BlockValidated
from node.consensus.justification import (
    is_bound_to,
    is_justified_proposal,
    is_justified_round_change,
)
from node.consensus.messages import (
    AnySigned,
    Commit,
    CommitDraft,
    CommitMessage,
    Message,
    Prepare,
    PreparedCertificate,
    PrepareDraft,
    PrepareMessage,
    ProposalMessage,
    RoundChangeMessage,
)
from node.consensus.round_state import HeightState, Outbox, Phase
from node.consensus.rounds import Rounds
from node.consensus.timers import EngineConfig
from node.primitives.types import Address


class Height:
    """Consensus on the block of one height."""

    def __init__(self, config: EngineConfig, state: HeightState, out: Outbox) -> None:
        """Waiting for `rounds.begin`."""
        self.state = state
        self.rounds = Rounds(config, state, out)
        self._own = config.own
        self._out = out

    def on_message(self, peer: Address | None, message: Message) -> None:
        """A message of this height, by anyone."""
        state, signed = self.state, message.signed
        if signed.author not in state.validators:
            return  # one of an older set, perhaps: no offence
        if signed.author == self._own:
            self._keep_own(message)
        if state.phase is Phase.FINAL or not self._take(peer, message):
            return
        state.log.hear(signed.author, signed.payload.round, self._out.now_ms)
        self._advance()

    def _keep_own(self, message: Message) -> None:
        """Our latest of each kind is sent again to whoever may have missed it."""
        payload = message.signed.payload
        kept = self.state.own.get(payload.code)
        if kept is None or payload.round >= kept.signed.payload.round:
            self.state.own[payload.code] = message

    def _take(self, peer: Address | None, message: Message) -> bool:
        """Keep the message; False: it counts for nothing.

        The first of two different payloads counts, both are evidence.
        """
        log = self.state.log
        known: AnySigned | None
        match message:
            case ProposalMessage():
                known = log.add_proposal(message.signed)
                if known is None and not self._on_proposal(peer, message):
                    return False
            case PrepareMessage():
                known = log.add_prepare(message.signed)
            case CommitMessage():
                known = log.add_commit(message.signed)
                if known is None:
                    self._on_commit(message.signed.payload)
            case RoundChangeMessage():
                if not is_justified_round_change(message, self.state.validators):
                    self._out.report(peer, "its ROUND_CHANGE is not justified")
                    return False
                known = log.add_round_change(message)
        if known is None:
            return True
        evidence = log.accuse(known, message.signed)
        if evidence is not None:
            self._out.emit(RecordEvidence(evidence))
            if message.signed.author != self._own:
                # Its key may be in use on two hosts: one of them lacks this signature.
                self._out.emit(SendTo(message.signed.author, message))
        return False

    def _advance(self) -> None:
        """Whatever the messages held allow by now."""
        state = self.state
        if state.phase is Phase.FINAL:
            return
        self.rounds.follow()
        self.rounds.on_presence()
        if state.phase is Phase.PROPOSAL:
            self.rounds.propose_if_justified()
        elif state.phase is Phase.PREPARE and state.active:
            self._commit_if_prepared()

    # --- PROPOSAL ---

    def _on_proposal(self, peer: Address | None, message: ProposalMessage) -> bool:
        """UponProposal: the first justified one of this round or of a later one."""
        state, proposal = self.state, message.signed.payload
        if message.signed.author != state.proposer(proposal.round):
            self._out.report(peer, "it proposed out of its turn")
            return False
        if not is_bound_to(message, state.parent):
            self._out.report(peer, "its block does not follow the head")
            return False
        is_first = proposal.round == state.round and state.accepted is None
        if proposal.round <= state.round and not is_first:
            state.remember(message.block)  # COMMITs may still ask for it
            return True
        if not is_justified_proposal(message, state.validators, state.parent):
            self._out.report(peer, "its PROPOSAL is not justified")
            return False
        self._accept(message)
        return True

    def _accept(self, message: ProposalMessage) -> None:
        """Take the proposal as its round's, and have the block checked."""
        state, round_ = self.state, message.signed.payload.round
        if round_ > state.round or state.phase is Phase.WAITING:
            self.rounds.enter(round_)
        elif round_ == 0 and state.missed:
            self.rounds.restart_timer()  # it did come: the full time from here on
        state.accepted = message
        state.phase = Phase.VALIDATING
        state.remember(message.block)
        proposer = message.signed.author
        self._out.emit(ValidateBlock(state.height, round_, message.block, proposer))

    def on_block_validated(self, event: BlockValidated) -> None:
        """The verdict on an accepted proposal, or on a block with its certificate."""
        state, accepted = self.state, self.state.accepted
        if not event.valid:
            self._on_block_invalid(event)
            return
        if event.digest in state.blocks:
            state.valid[event.digest] = None
        if state.certificate is not None:
            if state.certificate.digest == event.digest:
                self._finalize(state.certificate)
            return
        if state.phase is not Phase.VALIDATING or accepted is None:
            return
        if accepted.block.digest == event.digest:
            state.phase = Phase.PREPARE
            payload = Prepare(state.height, state.round, event.digest)
            self._out.sign(PrepareDraft(payload), state)
            self._advance()

    def _on_block_invalid(self, event: BlockValidated) -> None:
        """Costs the proposer its round; what a quorum committed must be valid."""
        if event.certified:
            block = f"block {event.height} 0x{event.digest.hex()}"
            reason = f"a quorum committed {block}, invalid here: {event.reason}"
            self._out.emit(Halt(reason))
            return
        accepted = self.state.accepted
        if accepted is None or accepted.block.digest != event.digest:
            return
        if not event.depends_on_clock and accepted.signed.author != self._own:
            reason = f"it proposed an invalid block: {event.reason}"
            self._out.report(accepted.signed.author, reason)

    # --- PREPARE ---

    def _commit_if_prepared(self) -> None:
        """UponPrepare: lock the prepared block, then commit to it."""
        state = self.state
        if state.accepted is None:
            return
        digest = state.accepted.block.digest
        prepares = state.log.prepares(state.round, digest)
        quorum = state.validators.quorum
        if len(prepares) < quorum:
            return
        state.phase = Phase.COMMIT
        # After a crash our ROUND_CHANGE must still carry this certificate.
        state.prepared = PreparedCertificate(
            state.height, state.round, digest, tuple(prepares[:quorum])
        )
        self._out.emit(PersistBody(state.height, digest))
        self._out.sign(CommitDraft(Commit(state.height, state.round, digest)), state)

    # --- COMMIT ---

    def _on_commit(self, commit: Commit) -> None:
        """UponCommit: a quorum in one round, whatever this node thought of it."""
        state = self.state
        commits = state.log.commits(commit.round, commit.digest)
        if len(commits) < state.validators.quorum:
            return
        seals = tuple(signed.signature for signed in commits)
        certificate = CommitCertificate(
            state.height, commit.round, commit.digest, seals
        )
        state.certificate = certificate
        state.phase = Phase.FINAL
        self._out.cancel_all()
        self._finalize(certificate)

    def _finalize(self, certificate: CommitCertificate) -> None:
        """Store the block, or first get and check it."""
        state, digest = self.state, certificate.digest
        if state.is_stored:
            return
        if digest in state.valid:
            state.is_stored = True
            self._out.emit(CommitBlock(certificate))
            return
        block = state.blocks.get(digest)
        if block is None:
            self._out.emit(ObtainBlock(state.height, digest))
            return
        proposer = state.proposer(certificate.round)
        round_ = certificate.round
        self._out.emit(
            ValidateBlock(state.height, round_, block, proposer, certified=True)
        )

    def on_block_obtained(self, event: BlockObtained) -> None:
        """A block known only by its digest so far: committed, or to propose again."""
        certificate = self.state.certificate
        if certificate is None:
            self.rounds.on_block_obtained(event.block)
        elif certificate.digest == event.block.digest:
            self.state.remember(event.block)
            self._finalize(certificate)
