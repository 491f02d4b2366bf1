"""One simulated host: a whole node, and the machine it runs on.

What outlives a crash is the disk (safety log, block store) and the durable part of the
executor's state; everything else is made anew by `start`, as a process would.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path
from random import Random

from node.chain.certificate import CommitCertificate
from node.chain.genesis import Genesis
from node.chain.signing import SigningDomain
from node.driver.context import DriverPorts, DriverSettings
from node.driver.driver import Driver
from node.driver.ports import FinalBlock, Lanes, StorageFailed
from node.gossip.gossip import Gossip
from node.primitives.types import Address, Hash32
from node.simulation.byzantine import Liar
from node.simulation.checkers.evidence import Watch, forget_unkept
from node.simulation.history import Ended, Final, History, Recovered
from node.simulation.machine.disk import Disk, PowerLost
from node.simulation.machine.keys import SimulatedSigner, SimulatedVerifier
from node.simulation.machine.ledger import Executions, Ledger, StateDisk
from node.simulation.machine.network import Port, Wire
from node.simulation.machine.store import SimulatedBlockStore
from node.simulation.machine.virtual_time import OWNER, Lane, NodeClock, VirtualLoop
from node.simulation.observer import Observer
from node.simulation.plan import Lie
from node.storage.safety_frames import Binding, SafetyLogCorrupt
from node.storage.safety_log import FileSafetyLog
from node.txpool.limits import PoolLimits
from node.txpool.pool import TxPool

SAFETY_LOG = Path("safety.log")
COMPACT_BYTES = 4_000
"""Small, so that the log is rewritten every few heights."""
POOL_LIFETIMES_MS = 8_000, 3_000
"""Short: of transactions, and of those behind a missing nonce."""
SETTINGS = DriverSettings(sync_timeout_ms=1_500, status_interval_ms=1_000)
DISK_S, EXECUTOR_S, BACKGROUND_S = 0.004, 0.003, 0.006


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all hosts of a simulation share."""

    loop: VirtualLoop
    wire: Wire
    history: History
    genesis: Genesis
    domain: SigningDomain
    pool_limit: int
    executions: Executions
    suspects: tuple[Address, ...]
    """Whose keys may sign twice."""
    record: Callable[[str, dict[str, object]], None] | None = None
    """Receives every event and effect of every engine."""


class Host:
    """See the module's docstring."""

    def __init__(
        self,
        name: str,
        around: Surroundings,
        random: Random,
        rate: float = 1.0,
        lies: tuple[Lie, ...] = (),
    ) -> None:
        self.name = name
        self.random = random
        self.lies = lies
        self.disk = Disk(random)
        self.disk.on_cut = self._on_power_cut
        self.clock = NodeClock(around.loop, rate)
        self.signer = SimulatedSigner(name)
        self.context = copy_context()
        """What its callbacks are known by, so that its process can be paused."""
        self.context.run(OWNER.set, name)
        identity = name[0].encode().ljust(16, b"\0")
        self.store = SimulatedBlockStore(identity, self.disk, random)
        self.store.on_final = self._on_final
        self.driver: Driver | None = None
        """None while the host is down."""
        self.observer: Observer | None = None
        self.ledger: Ledger | None = None
        self.refused = ""
        """Why it will not start again (exit code 3)."""
        self.starts = 0
        self._around = around
        self._state = StateDisk()
        self._binding = Binding(identity, self.signer.address, around.genesis.digest)
        self._lanes: list[Lane] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._port: Port | None = None
        self._starting: object | None = None
        """Of the start that is under way: a crash forgets it, the next has its own."""
        FileSafetyLog.create(SAFETY_LOG, self._binding, self.disk)

    @property
    def is_up(self) -> bool:
        """Whether it runs, perhaps paused."""
        return self.driver is not None

    @property
    def is_paused(self) -> bool:
        """Whether its process stands still."""
        return self._around.loop.is_paused(self.name)

    @property
    def height(self) -> int:
        """Of the newest block on its disk."""
        head = self.store.head()
        return head.height if head else 0

    def location(self, transaction_hash: Hash32) -> tuple[int, int] | None:
        """Where a transaction is final, as its customers are told."""
        return None if self.is_paused else self.store.location(transaction_hash)

    async def submit(self, raws: Sequence[bytes]) -> None:
        """Offer transactions to its process; no answer while it is paused."""
        if self.driver is not None:
            work = self.driver.submit(raws)
            await self._around.loop.create_task(work, context=self.context)

    async def start(self) -> None:
        """Recover from the disk and run; nothing when it is up or refused."""
        if self.is_up or self.refused or self._starting is not None:
            return
        self.disk.restart()
        starting = self._starting = object()
        self.starts += 1
        self._around.history.note(self.name, f"start {self.starts}")
        try:
            await self._start()
        except (PowerLost, asyncio.CancelledError):
            pass  # it crashed while it started
        except SafetyLogCorrupt as error:
            self._give_up(error)
        except StorageFailed as error:
            self._on_end(error)
        finally:
            if self._starting is starting:
                self._starting = None

    async def _start(self) -> None:
        around = self._around
        safety = FileSafetyLog(SAFETY_LOG, self._binding, self.disk, COMPACT_BYTES)
        ledger = Ledger(around.genesis, self._state, around.executions)
        self.ledger = ledger
        port = Port(self.name, around.wire, around.history, self.context)
        record = around.record
        ports = DriverPorts(
            self.clock,
            self._make_lanes(),
            self.store,
            safety,
            ledger,
            port,
            self.signer,
            SimulatedVerifier(),
            (lambda entry: record(self.name, entry)) if record else None,
        )
        whole_ms, gapped_ms = POOL_LIFETIMES_MS
        pool = TxPool(
            PoolLimits(
                transactions=around.pool_limit,
                per_sender=64,
                lifetime_ms=whole_ms,
                gapped_lifetime_ms=gapped_ms,
            )
        )
        driver = Driver(around.genesis, ports, pool, Gossip(pool), SETTINGS)
        await driver.start()
        port.inbox = driver.inbox
        self.observer = Observer(
            self.name, driver, self.store, self.disk, around.history
        )
        port.witness = None if self.lies else self.observer
        suspects = [a for a in around.suspects if a != self.signer.address]
        if suspects and not self.lies:
            engine, history = driver._engine, around.history
            driver._loop.engine = Watch(engine, self.name, suspects, history)
        if self.lies:
            port.liar = Liar(
                self.lies,
                self.random,
                around.domain,
                self.signer,
                around.genesis.consensus.header_rules,
                driver,
                ledger,
            )
        self.driver, self._port = driver, port
        loop = around.loop
        self._tasks = [loop.create_task(driver.run())]
        self._tasks[0].add_done_callback(self._on_done)
        self._tasks += [loop.create_task(work) for work in self.observer.watchers()]
        around.wire.join(port)

    def _make_lanes(self) -> Lanes:
        random = self.random
        limits_s = (EXECUTOR_S, DISK_S, 0.0, BACKGROUND_S)
        self._lanes = [
            Lane((lambda most: lambda: random.random() * most)(most_s))
            for most_s in limits_s
        ]
        return Lanes(*self._lanes)

    def crash(self, is_power_cut: bool, why: str) -> None:
        """Dead at once; nothing of the process acts any more."""
        if self.driver is None and self._starting is None:
            return
        # What it began ends at its lane; the power may be back before it does.
        self._starting = None
        self._around.history.note(self.name, f"down: {why}")
        if self.observer is not None:
            self.observer.close()
            kept = self.store.evidence()
            forget_unkept(self._around.history, self.name, kept)
        if self._port is not None:
            self._port.inbox = None
            self._around.wire.leave(self._port)
        self.driver = self.observer = self._port = None
        for lane in self._lanes:
            lane.cut()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        self.disk.crash(is_power_cut)
        self.store.crash(is_power_cut)
        self._around.loop.resume(self.name)  # what waited belongs to a dead process

    # --- what operators do to a host that is down ---

    def place_log(self, content: bytes | None) -> None:
        """Another safety log, or none."""
        self.disk.place(SAFETY_LOG.name, content)

    def recover_log(self, above: int | None) -> None:
        """What `chandlery recover` does (`StateDirectory.recover`)."""
        height = self.height + 1 if above is None else max(above, self.height)
        desk = Disk(self.random)
        FileSafetyLog.create(SAFETY_LOG, self._binding, desk)
        log = FileSafetyLog(SAFETY_LOG, self._binding, desk)
        log.forbid(height)
        self.place_log(desk.durable(SAFETY_LOG.name))
        self.refused = ""
        history = self._around.history
        history.recovered.append(Recovered(history.now_ms(), self.name, height))
        history.note(self.name, f"recovered: signs above {height}")

    def become_copy_of(self, other: "Host") -> None:
        """A copy of another host's whole disk, as a careless backup would be."""
        self.place_log(other.disk.durable(SAFETY_LOG.name))
        self.store.copy_from(other.store)
        self._state.states = list(other._state.states)

    # --- what happens to it ---

    def tick(self) -> None:
        """Once a second: look at the buffers, write some state."""
        if self.observer is not None and self.is_up and not self.is_paused:
            self.observer.look()
            if self.ledger is not None and self.random.random() < 0.4:
                self.ledger.flush()

    def _on_power_cut(self) -> None:
        self._around.loop.call_soon(self.crash, True, "power cut at a durable write")

    def _on_final(self, final: FinalBlock) -> None:
        history = self._around.history
        header = final.header
        at = f"{header.number} {header.digest.hex()[:8]}"
        history.note(self.name, f"final {at} with {len(final.hashes)}")
        certificate = CommitCertificate.decode(final.certificate)
        history.finals.append(Final(history.now_ms(), self.name, final, certificate))

    def _on_done(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task not in self._tasks:
            return
        error = task.exception()
        if not isinstance(error, PowerLost):
            self._on_end(error)

    def _on_end(self, error: BaseException | None) -> None:
        """The node ended by itself."""
        history = self._around.history
        history.note(self.name, f"ended: {error!r}")
        history.ended.append(Ended(history.now_ms(), self.name, error))
        self.crash(False, "ended")
        if getattr(error, "exit_code", None) == 3:
            self.refused = str(error)

    def _give_up(self, error: Exception) -> None:
        self._on_end(error)
        self.refused = str(error)
