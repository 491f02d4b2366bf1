"""What happens to the engine. Every event carries `at_ms`, monotonic milliseconds."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from node.chain.header import Header
from node.chain.validators import ValidatorSet
from node.consensus.messages import BlockReference, Message
from node.primitives.types import Address, Hash32

RECENT_COINBASES = 64
"""How many coinbases a NewHeight carries, or fewer near the genesis."""


class TimerKind(StrEnum):
    """The engine's timers; at most one of a kind is set."""

    START = "start"  # round 0 of a height may begin
    ROUND = "round"  # the round took too long
    RESEND = "resend"  # send the latest ROUND_CHANGE again


@dataclass(frozen=True, slots=True)
class NewHeight:
    """The chain's head is `parent`: work on the height after it.

    Sent at start and after every commit, by consensus or by sync. `recent_coinbases`
    are those of the newest blocks, oldest first, the parent's last.
    """

    at_ms: int
    parent: Header
    validators: ValidatorSet
    recent_coinbases: tuple[Address, ...]
    pending: bool
    """Whether an executable transaction waits in the pool."""


@dataclass(frozen=True, slots=True)
class TransactionsPending:
    """The pool went from nothing executable to something."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A decoded message; `peer` is the validator it came from, None for our own."""

    at_ms: int
    peer: Address | None
    message: Message


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A timer that was set has come; `height` and `round` are those it was set for."""

    at_ms: int
    kind: TimerKind
    height: int
    round: int


@dataclass(frozen=True, slots=True)
class BlockBuilt:
    """Answer to BuildBlock; `block` is None when building failed (reason says why)."""

    at_ms: int
    height: int
    round: int
    block: BlockReference | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class BlockValidated:
    """Answer to ValidateBlock: body held, header rules and execution agree, or not."""

    at_ms: int
    height: int
    digest: Hash32
    valid: bool
    reason: str = ""
    certified: bool = False
    """The flag of the ValidateBlock this answers."""
    depends_on_clock: bool = False
    """Refused by the local clock alone: the proposer is not to blame."""


@dataclass(frozen=True, slots=True)
class BlockObtained:
    """Answer to ObtainBlock, once a peer or the own store had the whole block."""

    at_ms: int
    height: int
    block: BlockReference


@dataclass(frozen=True, slots=True)
class PeerConnected:
    """A peer (re)connected: it may have missed our latest messages."""

    at_ms: int
    peer: Address


@dataclass(frozen=True, slots=True)
class SigningForbidden:
    """Peers hold signatures of ours that the log lacks: up to `height` sign nothing."""

    at_ms: int
    height: int


Event: TypeAlias = (
    NewHeight
    | TransactionsPending
    | MessageReceived
    | TimerFired
    | BlockBuilt
    | BlockValidated
    | BlockObtained
    | PeerConnected
    | SigningForbidden
)
