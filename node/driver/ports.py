"""What the driver needs of the world, each port as small as its use.

Adapters: `node.storage` (disk), `node.transport` (peers), `node.execution` (state);
the simulator brings its own of each. Calls come from the driver's event loop; those
that block say so and are made through `Offload`.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar

from node.chain.header import Header
from node.chain.validators import ValidatorSet
from node.consensus.messages import Evidence, Message
from node.consensus.safety import SafetyRecord, SafetyState
from node.gossip.messages import (
    GetTransactions,
    Status,
    TransactionBatch,
    Transactions,
)
from node.primitives.types import Address, Hash32
from node.sync.messages import (
    BlockByDigest,
    Blocks,
    GetBlockByDigest,
    GetBlocks,
    GetSignatures,
    Signatures,
)

T = TypeVar("T")

WireMessage: TypeAlias = (
    Message
    | TransactionBatch
    | GetTransactions
    | Transactions
    | Status
    | GetBlocks
    | Blocks
    | GetBlockByDigest
    | BlockByDigest
    | GetSignatures
    | Signatures
)


class Clock(Protocol):
    """Time. Timers use the monotonic one: a jump of the wall clock is nothing."""

    def monotonic_ms(self) -> int:
        """Milliseconds that never go back."""
        ...

    def wall_s(self) -> int:
        """Seconds since 1970, for block timestamps."""
        ...


class Offload(Protocol):
    """Runs blocking executor and disk work away from the loop, one at a time."""

    def __call__(self, work: Callable[[], T]) -> Awaitable[T]: ...


@dataclass(frozen=True, slots=True)
class Lanes:
    """Where blocking work runs; work of one lane runs one after the other.

    A block that executes for a second must delay neither the fsync before a signature
    nor the admission of transactions: each has its lane. A simulation runs all inline.
    """

    executor: Offload
    """build, execute, commit, discard."""
    disk: Offload
    """Safety log and block store."""
    admission: Offload
    """Executor.recover and view, which change no state."""
    background: Offload
    """Writing look-ups, reading ranges of blocks for peers: what may take its time."""


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """A final block as the store keeps it; all bytes are canonical encodings."""

    height: int
    digest: Hash32
    block: bytes
    certificate: bytes


@dataclass(frozen=True, slots=True)
class FinalBlock:
    """What becomes durable at once when a block is final.

    `receipts` are kept with it although they follow from it: recomputing them needs
    the state of its parent, which may be pruned. `hashes` are those of its
    transactions, in order; `validators` sign the next height.
    """

    header: Header
    block: bytes
    certificate: bytes
    receipts: tuple[bytes, ...]
    hashes: tuple[Hash32, ...]
    validators: ValidatorSet


class BlockStore(Protocol):
    """Final blocks with their certificates: the truth that all else follows from.

    Reads are quick and may come from any thread; writes block and come one at a time.
    """

    @property
    def identity(self) -> bytes:
        """16 bytes that the safety log of the same node repeats."""
        ...

    def head(self) -> StoredBlock | None:
        """The newest block, None before the first."""
        ...

    def append(self, final: FinalBlock) -> None:
        """Store the block after the head. Durable on return. Bodies of its height and
        below are dropped. Raises StorageFailed, DiskFull."""
        ...

    def at(self, height: int) -> StoredBlock | None: ...

    def height_of(self, digest: Hash32) -> int | None:
        """Where the final block of this hash is."""
        ...

    def header_at(self, height: int) -> Header | None: ...

    def receipts(self, height: int) -> tuple[bytes, ...] | None:
        """The receipts of a final block, one per transaction."""
        ...

    def blocks(self, first: int, count: int, max_bytes: int) -> list[StoredBlock]:
        """Consecutive blocks from `first` on, at least one when it exists."""
        ...

    def validators_of(self, digest: Hash32) -> ValidatorSet | None:
        """A set that some appended block named as the next, by its digest."""
        ...

    def stage(self, final: FinalBlock) -> None:
        """Make transactions findable at once; `flush` writes them. Never blocks."""
        ...

    def flush(self) -> None:
        """Write what is staged. May be lost in a crash: see `indexed_height`."""
        ...

    def staged_blocks(self) -> int:
        """How many blocks wait for `flush`."""
        ...

    def indexed_height(self) -> int:
        """How far the written look-ups reach; what is above is staged again."""
        ...

    def location(self, transaction_hash: Hash32) -> tuple[int, int] | None:
        """(height, position) of a final transaction."""
        ...

    def blooms(self, first: int, last: int) -> list[tuple[int, bytes]]:
        """(height, logs bloom) of final blocks, ascending; for scanning logs."""
        ...

    def put_body(self, height: int, digest: Hash32, block: bytes) -> None:
        """Keep a prepared block that is not final yet. Durable on return; blocks."""
        ...

    def body(self, digest: Hash32) -> bytes | None:
        """A prepared block, until its height is final."""
        ...

    def put_evidence(self, evidence: Evidence) -> None:
        """Keep evidence, once. Durable on return; blocks."""
        ...

    def evidence(self) -> Iterator[Evidence]: ...


class SafetyLog(Protocol):
    """What this validator signed. `append` is durable on return or the node halts."""

    def load(self) -> SafetyState: ...

    def append(self, records: Sequence[SafetyRecord]) -> None: ...

    def forbid(self, height: int) -> None:
        """Durably: never sign for this height or below (a restored log was noticed)."""
        ...


@dataclass(frozen=True, slots=True)
class PeerInfo:
    """One connected peer, authenticated by its node key."""

    address: Address
    endpoint: str
    inbound: bool
    height: int


class Network(Protocol):
    """The mesh of authenticated peers.

    Sending never blocks: each peer has a bounded queue, and one that cannot keep up is
    disconnected (it catches up by sync). The driver is told of peers and messages
    through the `Inbox` it gives to the mesh.
    """

    def send(self, peer: Address, message: WireMessage) -> None:
        """Queue for one peer; a peer that is not connected is ignored."""
        ...

    def broadcast(self, message: WireMessage) -> None:
        """Queue for every connected peer; encoded once."""
        ...

    def peers(self) -> list[PeerInfo]: ...

    def report(self, peer: Address, reason: str) -> None:
        """Lower its score; at the limit it is disconnected and banned a while."""
        ...

    def admit(self, validators: Sequence[Address]) -> None:
        """The validators and candidates of the current state: who may connect."""
        ...


class Inbox(Protocol):
    """What the mesh calls on the driver, on the driver's loop; never blocks."""

    def on_message(self, peer: Address, message: WireMessage) -> None: ...

    def on_connected(self, peer: Address) -> None: ...

    def on_disconnected(self, peer: Address) -> None: ...


class StorageFailed(Exception):
    """An fsync or a write failed: never retried, the node stops (exit code 4)."""

    exit_code = 4


class DiskFull(StorageFailed):
    """No room: the node stops signing, keeps reading and tries again when told."""
