"""What happened in a simulation: facts first, the verdict afterwards (`checkers`).

Every fact is noted when it happens, as a line of the event log and, where a checker
needs it, as a value. The same run gives the same lines, byte for byte.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b

from node.chain.certificate import CommitCertificate
from node.consensus.messages import (
    Message,
    Payload,
    ProposalMessage,
    RoundChange,
    RoundChangeMessage,
)
from node.driver.ports import FinalBlock
from node.primitives.types import Address, Hash32
from node.txpool.entries import DropReason


@dataclass(frozen=True, slots=True)
class Signed:
    """A host sent a message of its own, for the first time since it started."""

    at_ms: int
    host: str
    message: Message
    is_logged: bool
    """The safety log's durable bytes held its record at that moment."""
    has_body: bool
    """The block store held the whole block at that moment."""


@dataclass(frozen=True, slots=True)
class Final:
    """A host made a block durable as final."""

    at_ms: int
    host: str
    block: FinalBlock
    certificate: CommitCertificate


@dataclass(frozen=True, slots=True)
class Ended:
    """A driver ended by itself."""

    at_ms: int
    host: str
    error: BaseException | None


@dataclass(frozen=True, slots=True)
class Doubled:
    """A host's engine took in two payloads of one kind and round by one validator."""

    host: str
    author: Address
    kind: int
    height: int


@dataclass(frozen=True, slots=True)
class Recovered:
    """An operator gave a host a new safety log that forbids all up to a height."""

    at_ms: int
    host: str
    above: int


@dataclass(slots=True)
class History:
    """Everything a verdict rests on, in the order of happening."""

    now_ms: Callable[[], int]
    lines: list[str] = field(default_factory=list)
    signed: list[Signed] = field(default_factory=list)
    finals: list[Final] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    recovered: list[Recovered] = field(default_factory=list)
    doubled: dict[Doubled, int] = field(default_factory=dict)
    """Double signatures that hosts must keep as evidence, and when they saw them."""
    proposals: dict[tuple[str, int, int, Hash32], list[ProposalMessage]] = field(
        default_factory=dict
    )
    """PROPOSALs that reached a host, by (host, height, round, digest)."""
    acknowledged: dict[Hash32, str] = field(default_factory=dict)
    """Transactions that a client was told are final, and by whom."""
    untraced: list[str] = field(default_factory=list)
    """Transactions that left a pool without inclusion and without a reason."""
    dropped: dict[DropReason, int] = field(default_factory=dict)
    overflows: list[str] = field(default_factory=list)
    """Buffers found above their named limit."""
    lags: list[str] = field(default_factory=list)
    """Hosts found below the round that f+1 others have reached."""
    healed_ms: int = 0
    resumed_ms: dict[str, int] = field(default_factory=dict)
    """When each host first made a block final that was new after the healing."""
    _wire: blake2b = field(default_factory=lambda: blake2b(digest_size=16))
    unfinished: list[str] = field(default_factory=list)
    """What clients still waited for at the end."""

    def note(self, host: str, what: str) -> None:
        """One line of the log."""
        self.lines.append(f"{self.now_ms():>7} {host:<2} {what}")

    def note_bytes(self, raw: bytes) -> None:
        """A message as it went over the wire: part of the log's hash alone."""
        self._wire.update(raw)

    @property
    def digest(self) -> str:
        """A hash of the whole log and of every consensus message sent."""
        sink = self._wire.copy()
        for line in self.lines:
            sink.update(line.encode())
        return sink.hexdigest()


def describe(message: object) -> str:
    """A message in a few words."""
    signed = getattr(message, "signed", None)
    if signed is None:
        return type(message).__name__
    payload: Payload = signed.payload
    kind = payload.code.name
    if isinstance(payload, RoundChange):
        digest = payload.prepared_digest
        prepared = f" prepared {payload.prepared_round}" if digest else ""
        carried = (
            len(message.prepares) if isinstance(message, RoundChangeMessage) else 0
        )
        return f"{kind} {payload.height}/{payload.round}{prepared} +{carried}"
    return f"{kind} {payload.height}/{payload.round} {payload.digest.hex()[:8]}"
