"""What the parts of one driver share: the world, the head of the chain, the pool."""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from node.chain.genesis import Genesis
from node.chain.signing import Signer, SigningDomain, Verifier
from node.consensus.events import RECENT_COINBASES, Event
from node.driver.background import Background
from node.driver.blocks.bodies import Bodies
from node.driver.heads import Head, Topic
from node.driver.measures import Measures
from node.driver.ports import (
    BlockStore,
    Clock,
    DiskFull,
    Lanes,
    Network,
    SafetyLog,
)
from node.execution.executor import Executor
from node.primitives.types import Address, Hash32
from node.txpool.entries import Dropped, DropReason
from node.txpool.pool import TxPool

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DriverSettings:
    """Limits and waits of this node alone; none of them must agree with others'."""

    request_timeout_ms: int = 400
    """How long a peer may take to answer before another is asked."""
    sync_grace_ms: int = 300
    """How long a peer may be ahead before its blocks are asked for."""
    sync_timeout_ms: int = 3_000
    """How long a peer may take to send blocks."""
    status_interval_ms: int = 2_000
    """Status is sent after commits, and at least this often."""
    signature_check_ms: int = 5_000
    """How often peers are asked which signatures of ours they hold."""
    disk_retry_ms: int = 1_000
    """How long to wait for room on a full disk."""


@dataclass(frozen=True, slots=True)
class DriverPorts:
    """The world, injected.

    `signer` is the node's key; a node whose address is no validator follows and never
    signs. `on_event` receives one JSON-able dict per event and effect, in order, for
    the event log; None records nothing.
    """

    clock: Clock
    lanes: Lanes
    store: BlockStore
    safety: SafetyLog
    executor: Executor
    network: Network
    signer: Signer
    verifier: Verifier
    on_event: Callable[[dict[str, object]], None] | None = None


@dataclass(slots=True)
class Context:
    """One driver's shared state; everything runs on its loop."""

    genesis: Genesis
    ports: DriverPorts
    settings: DriverSettings
    pool: TxPool
    tasks: Background
    post: Callable[[Event], None]
    """Give the engine an event."""
    head: Head
    bodies: Bodies = field(default_factory=Bodies)
    recent_coinbases: deque[Address] = field(
        default_factory=lambda: deque(maxlen=RECENT_COINBASES)
    )
    dropped: Topic[Dropped] = field(default_factory=Topic)
    """Transactions that left the pool without being included, and why."""
    dropped_counts: Counter[DropReason] = field(default_factory=Counter)
    measures: Measures = field(default_factory=Measures)
    head_since_ms: int = 0
    disk_full: bool = False
    was_pending: bool = False
    """Whether the engine was told that something executable waits."""
    domain: SigningDomain = field(init=False)
    """What signatures of this chain are bound to."""

    def __post_init__(self) -> None:
        self.domain = SigningDomain(self.genesis.chain_id, self.genesis.digest)

    @property
    def now_ms(self) -> int:
        """Monotonic milliseconds."""
        return self.ports.clock.monotonic_ms()

    @property
    def height(self) -> int:
        """The height of the head."""
        return self.head.header.number

    @property
    def next_base_fee(self) -> int:
        """The base fee of the block after the head."""
        rules = self.genesis.consensus.header_rules
        return rules.base_fee_after(self.head.header)

    @property
    def has_executable(self) -> bool:
        """Whether the pool holds something for the next block."""
        return self.pool.has_executable(self.next_base_fee)

    def quarantine(self, transaction_hash: Hash32, reason: str) -> None:
        """Let a transaction that cannot be in a block leave the pool for good."""
        self.note_dropped(self.pool.quarantine(transaction_hash, reason))

    def note_dropped(self, dropped: Sequence[Dropped]) -> None:
        """Leave a trace of transactions that the pool let go."""
        for item in dropped:
            self.dropped_counts[item.reason] += 1
            level = logging.DEBUG
            if item.reason is DropReason.QUARANTINED:
                level = logging.WARNING
            digest, reason, detail = item.hash.hex(), item.reason, item.detail
            log.log(level, "0x%s left the pool: %s; %s", digest, reason, detail)
            self.dropped.publish(item)

    async def write(self, work: Callable[[], None]) -> None:
        """Run a durable write; on a full disk wait for room and try again.

        Raises StorageFailed, which nobody may retry.
        """
        loop = asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            try:
                await self.ports.lanes.disk(work)
            except DiskFull as error:
                if not self.disk_full:
                    log.error("%s: nothing is signed until there is room", error)
                self.disk_full = True
                await asyncio.sleep(self.settings.disk_retry_ms / 1000)
            else:
                self.measures.write_s.observe(loop.time() - began_s)
                self.disk_full = False
                return
