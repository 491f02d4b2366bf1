"""Liars: real nodes whose words are changed on their way out.

A liar runs the same driver as everyone, so that it is in the middle of what happens,
and holds its own key: what it signs is signed correctly and says something wrong. It
never holds another's key.
"""

from collections import deque
from dataclasses import dataclass, field, replace
from random import Random

from node.chain.block import Block
from node.chain.certificate import CommitCertificate
from node.chain.header import Header, prev_randao_of
from node.chain.header_rules import HeaderRules
from node.chain.signing import SigningDomain
from node.consensus.codec import sign_draft
from node.consensus.messages import (
    BlockReference,
    Commit,
    CommitDraft,
    CommitMessage,
    Draft,
    Message,
    Prepare,
    PrepareDraft,
    PrepareMessage,
    Proposal,
    ProposalDraft,
    ProposalMessage,
    RoundChange,
    RoundChangeDraft,
    RoundChangeMessage,
    Signed,
)
from node.driver.driver import Driver
from node.driver.ports import WireMessage
from node.execution.executor import BlockEnv, BuildLimits, UnknownState
from node.gossip.messages import Status, TransactionBatch, Transactions
from node.primitives.keccak import keccak256
from node.primitives.types import Address, Hash32, Signature
from node.simulation.machine.keys import SimulatedSigner
from node.simulation.machine.ledger import Ledger
from node.simulation.plan import Lie, quorum_of
from node.sync.messages import BlockByDigest, Blocks

FAR = 1 << 40
STRANGERS = "PQRSTUV"
"""Keys that anybody may make: no simulation has so many validators."""
REMEMBERED = 64
CONSENSUS = (ProposalMessage, PrepareMessage, CommitMessage, RoundChangeMessage)


@dataclass(slots=True)
class Liar:
    """`Corruption` of the network; `driver` and `ledger` are those of its node."""

    lies: tuple[Lie, ...]
    random: Random
    domain: SigningDomain
    signer: SimulatedSigner
    rules: HeaderRules
    driver: Driver
    ledger: Ledger
    _seen: deque[Message] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _blocks: dict[tuple[int, Hash32], BlockReference] = field(default_factory=dict)
    _fork: dict[tuple[int, int], Message] = field(default_factory=dict)

    @property
    def head(self) -> Header:
        """The newest final block of its node."""
        return self.driver.head.header

    def incoming(self, _: Address, message: WireMessage) -> None:
        """Remember what can be used later."""
        if isinstance(message, CONSENSUS):
            self._seen.append(message)
            self._note_block(message)

    def outgoing(self, peer: Address, message: WireMessage) -> list[WireMessage]:
        """What this peer gets instead."""
        if Lie.SILENT in self.lies and self.random.random() < 0.9:
            return []
        if isinstance(message, CONSENSUS):
            self._note_block(message)
            return [*self._consensus(peer, message), *self._extras(message)]
        if Lie.WITHHOLD in self.lies and isinstance(
            message, TransactionBatch | Transactions | BlockByDigest
        ):
            return []
        if Lie.FALSE_SYNC in self.lies:
            if isinstance(message, Status) and self.random.random() < 0.3:
                return [replace(message, height=message.height + 2)]
            if isinstance(message, Blocks):
                return [Blocks(message.request_id, self._false(message.blocks))]
            if isinstance(message, BlockByDigest) and message.block:
                return [BlockByDigest(message.request_id, self._maimed(message.block))]
        return [message]

    # --- consensus ---

    def _consensus(self, peer: Address, message: Message) -> list[WireMessage]:
        if isinstance(message, RoundChangeMessage) and Lie.UNJUSTIFIED in self.lies:
            return [self._false_claim(message)]
        if not isinstance(message, ProposalMessage):
            return [message]
        if message.signed.author != self.signer.address:
            return [message]
        if Lie.EQUIVOCATE in self.lies and peer[0] % 2:
            return [self._equivocation(message)]
        changed: Message = message
        for lie in self.lies:
            changed = self._changed(lie, message, changed)
        return [changed]

    def _changed(self, lie: Lie, message: ProposalMessage, so_far: Message) -> Message:
        header, reference = message.block.header, message.block
        match lie:
            case Lie.BAD_ROOT:
                made = replace(header, state_root=keccak256(header.state_root))
            case Lie.BAD_GAS:
                made = replace(header, gas_used=header.gas_used + 1)
            case Lie.BAD_SEAL:
                made = replace(header, extra_data=keccak256(header.extra_data))
            case Lie.BAD_TIME:
                drift_s = self.rules.max_clock_drift_s
                made = replace(header, timestamp=header.timestamp + 100 + drift_s)
            case Lie.BAD_PROPOSER:
                made = replace(header, coinbase=Address(b"\xa0" * 20))
            case Lie.BAD_BODY:
                hashes = (*reference.transaction_hashes[:-1], keccak256(b"nothing"))
                return self._proposed(message, BlockReference(header, hashes))
            case Lie.UNJUSTIFIED:
                return self._unjustified(message)
            case _:
                return so_far
        return self._proposed(
            message, BlockReference(made, reference.transaction_hashes)
        )

    def _proposed(self, message: ProposalMessage, block: BlockReference) -> Message:
        payload = replace(message.signed.payload, digest=block.digest)
        draft = ProposalDraft(payload, block, message.round_changes, message.prepares)
        return self._sign(draft)

    def _equivocation(self, message: ProposalMessage) -> Message:
        """Another valid block for the same round, with the same justification."""
        payload = message.signed.payload
        key = (payload.height, payload.round)
        if key not in self._fork:
            block = self._other_block(message.block.header)
            made = self._proposed(message, block) if block else message
            self._fork = {key: made}
            self._note_block(made)
        return self._fork[key]

    def _other_block(self, header: Header) -> BlockReference | None:
        if header.parent_hash != self.head.digest:
            return None
        block = self._built(self.signer.address, header.timestamp + 1)
        return BlockReference(block.header, ()) if block else None

    def _unjustified(self, message: ProposalMessage) -> Message:
        """Too few, the same twice, of strangers or other rounds, none at all, a block
        that nobody prepared or that was prepared earlier, a fresh one in a locked
        round."""
        payload, changes = message.signed.payload, message.round_changes
        block, prepares = message.block, message.prepares
        trick = self.random.choice(
            (0, 1, 2, 3, 4, 5, 6, 7, 4, 7) if prepares else (0, 1, 3, 4, 5, 6)
        )
        if trick == 0:
            changes = changes[:-1]
        elif trick == 1:
            changes = (*changes[:-1], *changes[:1])
        elif trick == 2:
            prepares = prepares[:-1]
        elif trick == 3:
            changes = self._with_older(changes)
        elif trick == 6:
            changes = self._with_stranger(changes, payload)
        elif trick == 7:
            block, changes, prepares = self._prepared_earlier(message)
        else:
            block, prepares = self._other_block(block.header) or block, ()
            if trick == 5 and payload.round > 0:
                changes = self._claiming(changes, payload, block.digest)
                prepares = self._own_prepare(payload, block.digest)
        if payload.round == 0 and self.random.random() < 0.7:
            payload = replace(payload, round=len(self.lies))
        payload = replace(payload, digest=block.digest)
        return self._sign(ProposalDraft(payload, block, changes, prepares))

    def _false_claim(self, message: RoundChangeMessage) -> Message:
        """A ROUND_CHANGE that claims a prepared block without any PREPARE."""
        change = message.signed.payload
        known = [digest for at, digest in self._blocks if at == change.height]
        if not known or self.random.random() < 0.5:
            return message
        claim = RoundChange(
            change.height, change.round, change.round - 1, self.random.choice(known)
        )
        return self._sign(RoundChangeDraft(claim))

    def _with_stranger(
        self, changes: tuple[Signed[RoundChange], ...], payload: Proposal
    ) -> tuple[Signed[RoundChange], ...]:
        """One of the ROUND_CHANGEs is signed by nobody's key."""
        draft = RoundChangeDraft(RoundChange(payload.height, payload.round))
        made = sign_draft(draft, self.domain, SimulatedSigner(STRANGERS[0])).signed
        return (*changes[: max(0, len(changes) - 1)], made)  # type: ignore[arg-type]

    def _prepared_earlier(
        self, message: ProposalMessage
    ) -> tuple[
        BlockReference, tuple[Signed[RoundChange], ...], tuple[Signed[Prepare], ...]
    ]:
        """The block, and PREPAREs, of a lower round than the highest one claimed."""
        payload, changes = message.signed.payload, message.round_changes
        claimed = [s.payload.prepared_round or 0 for s in changes]
        for seen in self._seen:
            if not isinstance(seen, RoundChangeMessage) or not seen.prepares:
                continue
            prepared = seen.prepares[0].payload
            block = self._blocks.get((payload.height, prepared.digest))
            if block is None or prepared.round >= max(claimed, default=0):
                continue
            own = RoundChange(
                payload.height, payload.round, prepared.round, prepared.digest
            )
            signed = self._sign(RoundChangeDraft(own)).signed
            highest = max(changes, key=lambda s: s.payload.prepared_round or 0)
            others = [s for s in changes if s.author != signed.author]
            others.sort(key=lambda s: s.author != highest.author)
            kept = others[: max(0, len(changes) - 1)]
            return block, (*kept, signed), seen.prepares  # type: ignore[arg-type]
        return message.block, changes, message.prepares[:-1]

    def _with_older(
        self, changes: tuple[Signed[RoundChange], ...]
    ) -> tuple[Signed[RoundChange], ...]:
        """One of the ROUND_CHANGEs is of another round."""
        older = [
            signed
            for signed in (message.signed for message in self._seen)
            if isinstance(signed.payload, RoundChange)
            and changes
            and signed.payload.height == changes[0].payload.height
            and signed.payload.round != changes[0].payload.round
        ]
        if not older:
            return changes[1:]
        other = self.random.choice(older)
        rest = [signed for signed in changes if signed.author != other.author]
        return (*rest[: len(changes) - 1], other)

    def _claiming(
        self,
        changes: tuple[Signed[RoundChange], ...],
        payload: Proposal,
        digest: Hash32,
    ) -> tuple[Signed[RoundChange], ...]:
        """The liar's own ROUND_CHANGE claims that the block was prepared."""
        claim = RoundChange(payload.height, payload.round, payload.round - 1, digest)
        own = self._sign(RoundChangeDraft(claim)).signed
        others = [signed for signed in changes if signed.author != own.author]
        return (*others[: max(0, len(changes) - 1)], own)  # type: ignore[arg-type]

    def _own_prepare(
        self, payload: Proposal, digest: Hash32
    ) -> tuple[Signed[Prepare], ...]:
        prepare = Prepare(payload.height, payload.round - 1, digest)
        return (self._sign(PrepareDraft(prepare)).signed,)  # type: ignore[return-value]

    def _extras(self, message: Message) -> list[WireMessage]:
        """What goes out besides."""
        made = list[WireMessage]()
        payload = message.signed.payload
        height, round_ = payload.height, payload.round
        if Lie.DOUBLE_SIGN in self.lies:
            for at, digest in list(self._blocks):
                if at == height and not isinstance(payload, RoundChange):
                    made += self._both(Proposal(height, round_, digest))
        if Lie.EQUIVOCATE in self.lies and (height, round_) in self._fork:
            made += self._both(self._fork[height, round_].signed.payload)
        if Lie.FAR_ROUND in self.lies and self.random.random() < 0.2:
            far = FAR + self.random.randrange(1_000)
            made.append(self._sign(RoundChangeDraft(RoundChange(height, far))))
        if Lie.REPLAY in self.lies and self._seen and self.random.random() < 0.5:
            made.append(self.random.choice(self._seen))
        if Lie.OTHER_CHAIN in self.lies and self.random.random() < 0.2:
            other = SigningDomain(self.domain.chain_id + 1, self.domain.genesis_hash)
            draft = CommitDraft(Commit(height, round_, keccak256(b"elsewhere")))
            made.append(sign_draft(draft, other, self.signer))
        return made

    def _both(self, proposed: object) -> list[WireMessage]:
        """PREPARE and COMMIT of a block, whatever was signed before."""
        if not isinstance(proposed, Proposal):
            return []
        place = (proposed.height, proposed.round, proposed.digest)
        drafts = PrepareDraft(Prepare(*place)), CommitDraft(Commit(*place))
        return [self._sign(draft) for draft in drafts]

    def _note_block(self, message: Message) -> None:
        payload = message.signed.payload
        if isinstance(message, ProposalMessage):
            self._blocks[payload.height, message.block.digest] = message.block
            while len(self._blocks) > REMEMBERED:
                del self._blocks[next(iter(self._blocks))]

    def _false(
        self, blocks: tuple[tuple[bytes, bytes], ...]
    ) -> tuple[tuple[bytes, bytes], ...]:
        """True blocks, thin seals, another body or header, or one that never was."""
        lie = self.random.randrange(5)
        if blocks and lie == 0:
            return tuple((self._maimed(block), seals) for block, seals in blocks)
        if blocks and lie < 3:
            return tuple((block, self._thinned(seals)) for block, seals in blocks)
        if blocks and lie == 3:
            return tuple((self._maimed(block, 1), seals) for block, seals in blocks)
        forged = self._forged(blocks)
        return (*blocks, forged) if forged else blocks

    def _thinned(self, raw: bytes) -> bytes:
        """Less than a quorum of seals, made up with what counts for nothing."""
        true = CommitCertificate.decode(raw)
        kept = true.seals[: max(1, quorum_of(len(self.driver.head.validators)) - 1)]
        stranger = self._seal(SimulatedSigner(STRANGERS[0]), true.height, true.digest)
        more = self.random.choice(((), (), kept[:1], (stranger,)))
        return replace(true, seals=(*kept, *more)).encode()

    def _maimed(self, raw: bytes, later_s: int = 0) -> bytes:
        """A block of a later time; or without its last transaction, or another one."""
        block = Block.decode(raw)
        if later_s:
            header = replace(block.header, timestamp=block.header.timestamp + later_s)
            return Block(header, block.transactions).encode()
        if block.transactions:
            return Block(block.header, block.transactions[:-1]).encode()
        other = self._built(self.signer.address, self.head.timestamp + 1)
        return other.encode() if other else raw

    def _forged(
        self, blocks: tuple[tuple[bytes, bytes], ...]
    ) -> tuple[bytes, bytes] | None:
        """The next block as it never was agreed upon, sealed as a liar can."""
        block = self._built(self.signer.address, self.head.timestamp)
        if block is None:
            return None
        return block.encode(), self._false_certificate(block, blocks).encode()

    def _false_certificate(
        self, block: Block, blocks: tuple[tuple[bytes, bytes], ...]
    ) -> CommitCertificate:
        """Too few seals, the same one often, those of strangers or of another block."""
        number, digest = block.header.number, block.digest
        trick = self.random.randrange(5)
        own = self._seal(self.signer, number, digest)
        seals: tuple[Signature, ...] = (own,)
        if trick == 1:
            seals = (own,) * len(self.driver.head.validators)
        elif trick == 2:
            strangers = [SimulatedSigner(name) for name in STRANGERS]
            others = [self._seal(signer, number, digest) for signer in strangers]
            seals = (own, *others)[: len(self.driver.head.validators)]
        elif trick > 2:
            true = [CommitCertificate.decode(raw) for _, raw in blocks]
            if not true:
                return CommitCertificate(number, 0, digest, (own,))
            here = replace(true[-1], height=number, digest=digest)
            return true[-1] if trick == 3 else here
        return CommitCertificate(number, 0, digest, seals)

    def _seal(self, signer: SimulatedSigner, number: int, digest: Hash32) -> Signature:
        draft = CommitDraft(Commit(number, 0, digest))
        return sign_draft(draft, self.domain, signer).signed.signature

    def _built(self, coinbase: Address, timestamp: int) -> Block | None:
        """An empty block on the head."""
        number = self.head.number + 1
        env = BlockEnv(
            number=number,
            timestamp=timestamp,
            coinbase=coinbase,
            gas_limit=self.rules.gas_limit,
            base_fee_per_gas=self.rules.base_fee_after(self.head),
            prev_randao=prev_randao_of(self.head.digest, number),
        )
        try:
            built = self.ledger.build(self.head, env, (), BuildLimits(0, 0, 1))
        except UnknownState:
            return None
        self.ledger.discard(built.executed.digest)
        return Block.decode(built.block)

    def _sign(self, draft: Draft) -> Message:
        return sign_draft(draft, self.domain, self.signer)
