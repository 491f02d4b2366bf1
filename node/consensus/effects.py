"""What the engine asks for. The driver performs a step's effects in order.

Persist effects of all steps of one drain share one fsync, and nothing is signed or sent
before it: the order in the list is the order of dependence. A signed own message comes
back as MessageReceived(peer=None) before anything else is stepped.
"""

from dataclasses import dataclass
from typing import TypeAlias

from node.chain.certificate import CommitCertificate
from node.consensus.events import TimerKind
from node.consensus.messages import BlockReference, Draft, Evidence, Message
from node.consensus.safety import SafetyRecord
from node.primitives.types import Address, Hash32


@dataclass(frozen=True, slots=True)
class PersistSafetyRecord:
    """Append to the safety log, durably."""

    record: SafetyRecord


@dataclass(frozen=True, slots=True)
class PersistBody:
    """Make the whole body of a prepared block durable (it was validated before)."""

    height: int
    digest: Hash32


@dataclass(frozen=True, slots=True)
class SignAndBroadcast:
    """Sign, deliver to ourselves, send to every validator."""

    draft: Draft


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Send a message signed earlier to every validator once more."""

    message: Message


@dataclass(frozen=True, slots=True)
class SendTo:
    """Send a message signed earlier to one peer."""

    peer: Address
    message: Message


@dataclass(frozen=True, slots=True)
class SetTimer:
    """(Re)place the timer of this kind; it fires at `deadline_ms`."""

    kind: TimerKind
    deadline_ms: int
    height: int
    round: int


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """Drop the timer of this kind, if set."""

    kind: TimerKind


@dataclass(frozen=True, slots=True)
class BuildBlock:
    """Build a fresh block on the head. -> BlockBuilt"""

    height: int
    round: int
    halvings: int = 0
    """How often to halve the usual limits (gas, bytes, time): the engine asks for less
    in later rounds and of a proposer whose turn is expected to be short."""


@dataclass(frozen=True, slots=True)
class ValidateBlock:
    """Fetch the body, check the header rules, execute. -> BlockValidated

    A body that nobody has gives no answer: the round's timer does.
    """

    height: int
    round: int
    block: BlockReference
    proposer: Address
    """Who to ask for the body first."""
    certified: bool = False
    """A quorum committed it: no clock drift rule, and the answer repeats the flag."""


@dataclass(frozen=True, slots=True)
class ObtainBlock:
    """Fetch a block known only by its digest (prepared or committed by others), from
    the own store of prepared bodies or from peers. -> BlockObtained"""

    height: int
    digest: Hash32


@dataclass(frozen=True, slots=True)
class CommitBlock:
    """The block is final: store it with its certificate. -> NewHeight

    It has been validated (BlockValidated) before.
    """

    certificate: CommitCertificate


@dataclass(frozen=True, slots=True)
class RecordEvidence:
    """Keep evidence of a double signature, durably."""

    evidence: Evidence


@dataclass(frozen=True, slots=True)
class ForbidSigning:
    """Durably: sign nothing up to `height` (`SafetyLog.forbid`).

    A peer delivered a signature of ours that the log lacks: the key is in use
    elsewhere, or the log is an older copy. The engine itself signs no more already.
    """

    height: int
    reason: str


@dataclass(frozen=True, slots=True)
class Halt:
    """Stop the node (exit code 3): more than f validators lie, or ours is broken."""

    reason: str


@dataclass(frozen=True, slots=True)
class ReportPeer:
    """A peer sent what no honest node sends; `reason` is for the log and its score."""

    peer: Address
    reason: str


Effect: TypeAlias = (
    PersistSafetyRecord
    | PersistBody
    | SignAndBroadcast
    | Broadcast
    | SendTo
    | SetTimer
    | CancelTimer
    | BuildBlock
    | ValidateBlock
    | ObtainBlock
    | CommitBlock
    | RecordEvidence
    | ReportPeer
    | ForbidSigning
    | Halt
)
