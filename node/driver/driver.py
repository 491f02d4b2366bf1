"""One node's driver: the loop between the world and the pure engine.

The promise: it decides nothing about consensus and performs what the engine asks in
order; what must be durable is durable before what depends on it is signed; nothing a
peer or client sends blocks it or grows without a named limit.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from node.chain.genesis import Genesis
from node.consensus.effects import (
    BuildBlock,
    CommitBlock,
    Effect,
    ObtainBlock,
    RecordEvidence,
    ValidateBlock,
)
from node.consensus.engine import Engine, EngineStatus
from node.consensus.events import Event
from node.consensus.timers import EngineConfig
from node.driver.background import Background
from node.driver.blocks.commits import Commits, Final
from node.driver.blocks.fetching import Fetching
from node.driver.blocks.proposals import Proposals
from node.driver.blocks.recovery import recover
from node.driver.context import Context, DriverPorts, DriverSettings
from node.driver.heads import Head, NewHead, Subscription, Topic
from node.driver.inbox import PeerInbox
from node.driver.loop import EngineLoop
from node.driver.measures import Measures
from node.driver.peers.admission import Admission, Submitted
from node.driver.peers.catching_up import CatchingUp
from node.driver.peers.lost_logs import LostLogs
from node.driver.peers.requests import Requests
from node.driver.peers.serving import Serving
from node.driver.peers.signatures import Observed, OwnSignatures
from node.driver.peers.spreading import Spreading
from node.driver.ports import BlockStore, PeerInfo
from node.execution.executor import Executor
from node.gossip.gossip import Gossip
from node.primitives.types import Address, Hash32
from node.txpool.entries import Dropped
from node.txpool.pool import TxPool

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DriverStatus:
    """What `status`, `doctor` and the metrics show of a node."""

    engine: EngineStatus | None
    """None until enough peers said which signatures of ours they hold."""
    height: int
    digest: Hash32
    last_commit_age_ms: int
    peers: tuple[PeerInfo, ...]
    sync_target: int
    is_syncing: bool
    pool_executable: int
    pool_gapped: int
    disk_full: bool
    can_sign: bool
    """False when the safety log is missing or foreign."""
    dropped_events: int
    """Messages of peers that came too fast."""
    executor: str
    validators: tuple[Address, ...]
    """Who signs the next height."""
    pool_dropped: dict[str, int]
    """Transactions that left the pool without being included, by reason."""
    evidence: int
    """Double signatures on record."""


class Driver:
    """Construct, run and stop it like this:

        clock = SystemClock()                               # node.storage.system
        lanes, close_lanes = thread_lanes()
        directory = StateDirectory.open(path)               # node.storage.directory
        store, safety = directory.open_stores(genesis.digest, key.address)
        executor, mesh = ...                                # an Executor, a Network
        ports = DriverPorts(clock, lanes, store, safety, executor, mesh, key, verifier)
        pool = TxPool(limits, zero_base_fee=genesis.consensus.zero_base_fee)
        driver = Driver(genesis, ports, pool, Gossip(pool))

        await driver.start()      # the executor catches up with the block log
        ...                       # start the mesh with driver.inbox, serve RPC
        await driver.run()        # returns after stop(); raises what must end the node
        driver.stop()             # from a signal handler, on the same loop

    `start` raises StorageFailed (exit code 4); `run` raises StorageFailed (4),
    RefusedForSafety (3) or ExecutorFailed (4). None of them may be retried in the same
    process. The caller closes mesh, store, safety log, executor, lanes and directory,
    in this order. A signer that is no validator follows and never signs.

    For RPC, all on the loop:
        driver.head                               Head: newest header, next validators
        await driver.submit(raws)                 one Submitted each, in order
        driver.subscribe_heads()                  async iterator of NewHead
        driver.subscribe_admitted()               ... of tuples of transaction hashes
        driver.subscribe_dropped()                ... of what left the pool, with reason
        driver.status()                           DriverStatus
        driver.pool                               TxPool, to read
    Blocks, receipts and look-ups are read from `driver.store` (`BlockStore`), state
    from `driver.executor.view(digest)`, both safe beside the loop. A new head is
    published when all of these show it.
    """

    def __init__(
        self,
        genesis: Genesis,
        ports: DriverPorts,
        pool: TxPool,
        gossip: Gossip,
        settings: DriverSettings | None = None,
    ) -> None:
        self._ended: asyncio.Future[None] | None = None
        self._heads: Topic[NewHead] = Topic()
        self._evidence_count = 0
        self._context = context = Context(
            genesis=genesis,
            ports=ports,
            settings=settings or DriverSettings(),
            pool=pool,
            tasks=Background(self._fail),
            post=self._post,
            head=Head(genesis.header, genesis.validators),
        )
        self._spreading = Spreading(context, gossip)
        requests = Requests(ports.network, context.settings.request_timeout_ms)
        observed = Observed()
        self._fetching = Fetching(context, requests)
        self._proposals = Proposals(context, self._fetching)
        self._commits = Commits(context, self._heads)
        self._own = OwnSignatures(context, self._begin)
        self._lost_logs = LostLogs(context, self._fail)
        self._admission = Admission(context, self._spreading, self._fetching)
        self._catching_up = CatchingUp(context, self._commits)
        self._commits.listen(self._on_final)
        self._loop = self._make_loop()
        self.inbox = PeerInbox(
            context=context,
            admission=self._admission,
            fetching=self._fetching,
            catching_up=self._catching_up,
            serving=Serving(context, gossip, observed),
            observed=observed,
            own=self._own,
            lost_logs=self._lost_logs,
            requests=requests,
            spreading=self._spreading,
        )
        """What the mesh calls (`node.driver.ports.Inbox`)."""

    @property
    def head(self) -> Head:
        """The newest final block and the validators of the next."""
        return self._context.head

    @property
    def store(self) -> BlockStore:
        """Blocks, receipts, look-ups, evidence."""
        return self._context.ports.store

    @property
    def executor(self) -> Executor:
        """State, through `view`."""
        return self._context.ports.executor

    @property
    def pool(self) -> TxPool:
        """Waiting transactions; only the driver changes it."""
        return self._context.pool

    @property
    def measures(self) -> Measures:
        """What is counted and timed, for the metrics."""
        return self._context.measures

    async def start(self) -> None:
        """Recover. Raises StorageFailed (exit code 4)."""
        context, ports = self._context, self._context.ports
        self._ended = asyncio.get_running_loop().create_future()
        genesis = context.genesis
        context.head = await recover(genesis, ports.store, ports.executor, ports.lanes)
        context.head_since_ms = context.now_ms
        self._evidence_count = sum(1 for _ in ports.store.evidence())
        height = context.height
        kept = context.recent_coinbases.maxlen or 1
        for number in range(max(1, height - kept + 1), height + 1):
            header = ports.store.header_at(number)
            if header is not None:
                context.recent_coinbases.append(header.coinbase)
        ports.network.admit(context.head.validators.addresses)
        self._catching_up.resume()

    async def run(self) -> None:
        """Until `stop`. Raises what must end the node."""
        assert self._ended is not None, "start() comes first"
        self._context.tasks.spawn(self._loop.run())
        self._own.start()
        self._lost_logs.start()
        self._begin()
        self._spreading.announce()
        try:
            await self._ended
        finally:
            await self._close()

    def stop(self) -> None:
        """Let `run` return."""
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    async def submit(self, raws: Sequence[bytes]) -> list[Submitted]:
        """Offer transactions of clients to the pool; one answer each, in order.

        An admitted transaction is not final: it is when a NewHead holds its hash.
        """
        return await self._admission.submit(raws)

    def subscribe_heads(self) -> Subscription[NewHead]:
        """Every block that becomes final from now on."""
        return self._heads.subscribe()

    def subscribe_admitted(self) -> Subscription[tuple[Hash32, ...]]:
        """Hashes of transactions as the pool takes them."""
        return self._admission.admitted.subscribe()

    def subscribe_dropped(self) -> Subscription[Dropped]:
        """Transactions that leave the pool without being included, and why."""
        return self._context.dropped.subscribe()

    def status(self) -> DriverStatus:
        """Where this node stands."""
        context, machine = self._context, self._catching_up.machine
        executable, gapped = context.pool.counts
        return DriverStatus(
            engine=self._engine.status(),
            height=context.height,
            digest=context.head.header.digest,
            last_commit_age_ms=context.now_ms - context.head_since_ms,
            peers=tuple(context.ports.network.peers()),
            sync_target=machine.target,
            is_syncing=machine.is_active,
            pool_executable=executable,
            pool_gapped=gapped,
            disk_full=context.disk_full,
            can_sign=context.ports.safety.load().can_sign,
            dropped_events=self._loop.dropped_events,
            executor=context.ports.executor.name,
            validators=context.head.validators.addresses,
            pool_dropped={k.name.lower(): n for k, n in context.dropped_counts.items()},
            evidence=self._evidence_count,
        )

    def _make_loop(self) -> EngineLoop:
        context = self._context
        own = context.ports.signer.address
        consensus = context.genesis.consensus
        safety = context.ports.safety.load()
        self._engine = Engine(EngineConfig.of(own, consensus), safety)
        handlers: dict[type[Effect], Callable[[Any], None]] = {
            BuildBlock: self._proposals.on_build,
            ValidateBlock: self._proposals.on_validate,
            ObtainBlock: self._proposals.on_obtain,
            CommitBlock: self._commits.on_commit,
            RecordEvidence: self._on_evidence,
        }
        return EngineLoop(self._engine, context, handlers, self._own.note)

    def _begin(self) -> None:
        """Take part, once it is known what was signed before."""
        if not self._commits.begun and self._own.is_confirmed:
            self._commits.begin()

    def _post(self, event: Event) -> None:
        self._loop.post(event)

    def _on_final(self, final: Final) -> None:
        network = self._context.ports.network
        if final.validators_changed:
            network.admit(final.head.validators.addresses)
        self._spreading.announce()
        self._begin()

    def _on_evidence(self, effect: RecordEvidence) -> None:
        store, evidence = self._context.ports.store, effect.evidence
        author = evidence.first.author.hex()
        self._context.measures.evidence[evidence.first.payload.code.name.lower()] += 1
        self._evidence_count += 1
        log.error("validator 0x%s signed two different payloads", author)
        work = self._context.write(lambda: store.put_evidence(evidence))
        self._context.tasks.spawn(work)

    def _fail(self, error: BaseException) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_exception(error)

    async def _close(self) -> None:
        self._loop.close()
        self._own.close()
        self._lost_logs.close()
        self._fetching.close()
        self._catching_up.close()
        self._spreading.close()
        await self._context.tasks.close()
        # Work that runs in a lane cannot be cancelled: the caller may close the files
        # that it uses only when it has ended.
        lanes = self._context.ports.lanes
        for lane in (lanes.executor, lanes.disk, lanes.admission, lanes.background):
            await lane(_nothing)
        self._heads.close()
        self._admission.close()
        self._context.dropped.close()


def _nothing() -> None:
    return None
