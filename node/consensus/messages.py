"""Consensus messages and their wire form.

Past `decode_message` a message is typed, its fields are bounded and every signature in
it has been recovered: `Signed.author` is a fact. Whether the author is a validator, and
whether a justification holds, depends on the height and is the engine's to decide.

A signature covers keccak(rlp([domain, chain id, genesis hash, code, payload]))
(`node.chain.signing`). Payloads, each a canonical RLP list:

    PROPOSAL      [height, round, digest]
    PREPARE       [height, round, digest]
    COMMIT        [height, round, digest]        its signature is the commit seal
    ROUND_CHANGE  [height, round, []] or [height, round, [prepared round, digest]]

A PROPOSAL travels with its block by reference (header and transaction hashes) and its
justification; a ROUND_CHANGE with the PREPAREs of its prepared round.
"""

from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from node.chain.header import Header
from node.chain.signing import MessageCode
from node.primitives.types import Address, Hash32, Signature


@dataclass(frozen=True, slots=True)
class Proposal:
    """The proposer of (height, round) proposes the block `digest`."""

    height: int
    round: int
    digest: Hash32
    code = MessageCode.PROPOSAL


@dataclass(frozen=True, slots=True)
class Prepare:
    """The block was the first valid proposal of the round here."""

    height: int
    round: int
    digest: Hash32
    code = MessageCode.PREPARE


@dataclass(frozen=True, slots=True)
class Commit:
    """A quorum prepared the block; its body is durable here."""

    height: int
    round: int
    digest: Hash32
    code = MessageCode.COMMIT


@dataclass(frozen=True, slots=True)
class RoundChange:
    """This validator moved to `round`; what it had prepared before, if anything."""

    height: int
    round: int
    prepared_round: int | None = None
    prepared_digest: Hash32 | None = None
    code = MessageCode.ROUND_CHANGE


Payload: TypeAlias = Proposal | Prepare | Commit | RoundChange
P = TypeVar("P", Proposal, Prepare, Commit, RoundChange)


@dataclass(frozen=True, slots=True)
class Signed(Generic[P]):
    """A payload with its recovered author."""

    payload: P
    author: Address
    signature: Signature


AnySigned: TypeAlias = (
    Signed[Proposal] | Signed[Prepare] | Signed[Commit] | Signed[RoundChange]
)


@dataclass(frozen=True, slots=True)
class BlockReference:
    """A block without its body: header and transaction hashes in order."""

    header: Header
    transaction_hashes: tuple[Hash32, ...]

    @property
    def digest(self) -> Hash32:
        """The block hash."""
        return self.header.digest


@dataclass(frozen=True, slots=True)
class ProposalMessage:
    """PROPOSAL with block and justification (both empty tuples in round 0)."""

    signed: Signed[Proposal]
    block: BlockReference
    round_changes: tuple[Signed[RoundChange], ...] = ()
    prepares: tuple[Signed[Prepare], ...] = ()


@dataclass(frozen=True, slots=True)
class PrepareMessage:
    """PREPARE."""

    signed: Signed[Prepare]


@dataclass(frozen=True, slots=True)
class CommitMessage:
    """COMMIT."""

    signed: Signed[Commit]


@dataclass(frozen=True, slots=True)
class RoundChangeMessage:
    """ROUND_CHANGE with the quorum of PREPAREs for what it says was prepared."""

    signed: Signed[RoundChange]
    prepares: tuple[Signed[Prepare], ...] = ()


Message: TypeAlias = (
    ProposalMessage | PrepareMessage | CommitMessage | RoundChangeMessage
)


@dataclass(frozen=True, slots=True)
class ProposalDraft:
    """A PROPOSAL before it is signed."""

    payload: Proposal
    block: BlockReference
    round_changes: tuple[Signed[RoundChange], ...] = ()
    prepares: tuple[Signed[Prepare], ...] = ()


@dataclass(frozen=True, slots=True)
class PrepareDraft:
    """A PREPARE before it is signed."""

    payload: Prepare


@dataclass(frozen=True, slots=True)
class CommitDraft:
    """A COMMIT before it is signed."""

    payload: Commit


@dataclass(frozen=True, slots=True)
class RoundChangeDraft:
    """A ROUND_CHANGE before it is signed."""

    payload: RoundChange
    prepares: tuple[Signed[Prepare], ...] = ()


Draft: TypeAlias = ProposalDraft | PrepareDraft | CommitDraft | RoundChangeDraft


@dataclass(frozen=True, slots=True)
class PreparedCertificate:
    """A quorum of PREPAREs of one (height, round, digest)."""

    height: int
    round: int
    digest: Hash32
    prepares: tuple[Signed[Prepare], ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two different signed payloads of one kind for one (height, round) by one author.

    Verifiable offline: both signatures recover to the author.
    """

    first: AnySigned
    second: AnySigned
