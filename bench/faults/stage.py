"""A target under a thin, steady load, on which faults are begun and ended one by one.

`async with open_stage(...) as stage:` brings the target up by its own command, puts
relays into a chain's links or components into cgroups where it can, provisions
shoppers and starts the load; at the end the last shopper is served, and everything is
taken down. Every operation is in `history.jsonl`, every step of what happened in
`events.jsonl`; verdicts are made from these two and from audits, by others.
"""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.adapters.contract import Adapter, Audit, Progress
from bench.adapters.make import make_adapter
from bench.adapters.offices import make_locator
from bench.control import Control, ControlError
from bench.errors import BenchError
from bench.faults.cgroups import Cgroups, unavailable
from bench.faults.mesh import Preparation, PreparingLauncher
from bench.faults.saboteur import Means, Saboteur
from bench.history.files import LineWriter
from bench.history.record import Record
from bench.load.clock import NS_PER_S, Clock
from bench.load.generator import Generator
from bench.load.timer import PreciseTimer
from bench.scenario.load import parse_scenario
from bench.scenario.model import RatePoint, Scenario
from bench.targets.launch import Running
from bench.workload.plan import Session, make_plan

if TYPE_CHECKING:
    from bench.descriptor import Descriptor

START_DELAY_S = 0.5
POLL_S = 0.1
WATCH_S = 0.2
STEADY_S = 2.0  # so long everything must have worked to count as well
LATELY_S = 3.0  # and so lately each operation must have been served
AUDIT_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class StagePlan:
    """What to set up: a target by name, for at most so long, at this rate. `relays`
    puts relays into a chain's links (None: where the kernel cannot cut them);
    `small_disks` puts each of its nodes on a disk that can be filled."""

    target: str
    folder: Path
    load_s: float
    sessions_per_s: float = 8.0
    relays: bool | None = None
    small_disks: bool = False


class Tape(LineWriter):
    """A history file that keeps what was written, for who must decide meanwhile."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.records: list[Record] = []

    def record(self, record: Record) -> None:
        """Append one operation."""
        self.records.append(record)
        super().record(record)


class Stage:
    """A target that serves a steady load. Moments are seconds since its start."""

    def __init__(
        self,
        running: Running,
        adapter: Adapter,
        saboteur: Saboteur,
        control: Control,
        load: tuple[Scenario, Clock],
        tapes: tuple[Tape, LineWriter],
    ) -> None:
        scenario, clock = load
        self.descriptor: Descriptor = running.descriptor
        self.folder = running.folder
        self.control = control
        # A connection of its own: a request that takes long must not blind it.
        self.watching = Control(control.path)
        self.saboteur = saboteur
        self.cgroups: Cgroups | None = None
        self._adapter = adapter
        self._clock = clock
        self._tape, self._events = tapes
        self._locate = make_locator(running.folder)
        self.operations = scenario.operations
        self.happened: list[dict[str, Any]] = []
        self._generator = Generator(scenario, adapter, clock, tapes[0])
        self._tasks: list[asyncio.Task[Any]] = []

    @property
    def zero_s(self) -> float:
        """The start of the load on the machine's monotonic clock, which the nodes of a
        local network share."""
        return self._clock.start_ns / NS_PER_S

    @property
    def now_s(self) -> float:
        """The moment on the load's clock."""
        return self._clock.now_ns() / NS_PER_S

    @property
    def records(self) -> Sequence[Record]:
        """Every operation that has ended so far."""
        return self._tape.records

    def event(self, event: str, component: str = "", **facts: object) -> float:
        """Write down that something happened now; returns the moment."""
        now_ns = self._clock.now_ns()
        line = {"at_ns": now_ns, "event": event, "component": component, **facts}
        self._events.line(line)
        self.happened.append(line)
        return now_ns / NS_PER_S

    async def holder(self, office: str) -> str | None:
        """Which component holds an office ("primary") now."""
        return None if self._locate is None else await self._locate(office)

    async def audit(self) -> Audit:
        """Every order as the target tells it now; tried for a while."""
        for attempt in range(AUDIT_ATTEMPTS):
            try:
                return await self._adapter.audit()
            except (BenchError, OSError):
                if attempt == AUDIT_ATTEMPTS - 1:
                    raise
                await asyncio.sleep(1.0)
        raise AssertionError("the loop returns or raises")

    async def begin(self, kind: str, component: str) -> tuple[float, str]:
        """Begin a fault: (moment, method). NotRun if it cannot be had here."""
        moment_s = self.event("asked", component, fault=kind)
        method = await self.saboteur.begin(kind, component)
        self.event("begun", component, fault=kind, method=method)
        return moment_s, method

    async def end(self) -> float:
        """End the fault; returns the moment the end was asked for."""
        moment_s = self.event("healing")
        await self.saboteur.end()
        self.event("healed")
        return moment_s

    async def wait(self, seconds: float) -> None:
        """Let the load go on for so long."""
        await self._clock.sleep_until(self._clock.now_ns() + int(seconds * NS_PER_S))

    def open_doors(self, sessions: Sequence[Session]) -> None:
        """Begin the load, and to watch the components."""
        work = (self._generator.run(sessions), self._watch())
        self._tasks = [asyncio.create_task(task) for task in work]

    async def close_doors(self) -> None:
        """Let nobody else in, and serve those inside to the end."""
        self._generator.close_doors()
        await self._tasks[0]

    async def stop(self) -> None:
        """End whatever still goes on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.watching.close()

    async def _watch(self) -> None:
        """Write down how components and offices change, until cancelled."""
        states: dict[str, str] = {}
        holder: str | None = None
        while True:
            with suppress(ControlError):
                for now in await self.watching.components():
                    if states.get(now.name, "running") != now.state:
                        self.event(now.state, now.name, exit=now.exit)
                    states[now.name] = now.state
            if self._locate is not None:
                found = await self._locate("primary")
                if found is not None and found != holder:
                    self.event("primary", found, before=holder)
                    holder = found
            await asyncio.sleep(WATCH_S)

    async def well(self, within_s: float) -> float | None:
        """Wait until every operation has worked for a while: the moment from which it
        has; None if that does not come about in time."""
        deadline_s = self.now_s + within_s
        while self.now_s < deadline_s:
            since_s = works_since(self.records, self.operations, self.now_s)
            if since_s is not None and self.now_s - since_s >= STEADY_S:
                return since_s
            await asyncio.sleep(POLL_S)
        return None


def works_since(
    records: Sequence[Record], operations: Sequence[str], now_s: float
) -> float | None:
    """Since when no request has failed; None unless every operation was served in the
    last moments (requests that still hang have not failed yet). Looks at the newest
    records alone."""
    failed_s, served = 0.0, dict.fromkeys(operations, 0.0)
    for record in reversed(records):
        if now_s - record.final_ns / NS_PER_S > 20 * STEADY_S:
            break
        for attempt in record.attempts:
            ended_s = attempt.ended_ns / NS_PER_S
            if attempt.outcome != "ok":
                failed_s = max(failed_s, ended_s)
            elif record.operation in served:
                served[record.operation] = max(served[record.operation], ended_s)
    lately_s = max(failed_s, now_s - LATELY_S)
    return failed_s if all(at_s > lately_s for at_s in served.values()) else None


@asynccontextmanager
async def open_stage(plan: StagePlan, progress: Progress) -> AsyncIterator[Stage]:
    """The target up and under load; gone afterwards."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        cgroups, why = None, unavailable()
        if why is None:
            cgroups = stack.enter_context(Cgroups.claim())
        relayed = cgroups is None if plan.relays is None else plan.relays
        wanted = Preparation(relayed, plan.small_disks)
        launcher = PreparingLauncher(plan.target, plan.folder, wanted)
        stack.push_async_callback(launcher.stop)
        progress("starting")
        running = await launcher.start()
        control_path = running.descriptor.control
        if control_path is None:
            raise BenchError(
                f"{plan.target} has no control socket: no fault can be made"
            )
        control = Control(control_path)
        stack.push_async_callback(control.close)
        reason = f"there are no relays in this target's links, and {why}"
        ports = ports_of(running.descriptor)
        means = Means(control, cgroups, launcher.relays, reason, ports, launcher.disks)
        saboteur = Saboteur(means)
        adapter = make_adapter(running.descriptor, running.folder)
        await adapter.open()
        stack.push_async_callback(adapter.close)
        tapes = (
            Tape(plan.folder / "history.jsonl"),
            LineWriter(plan.folder / "events.jsonl"),
        )
        for tape in tapes:
            stack.callback(tape.close)
        timer = PreciseTimer()
        timer.open()
        stack.callback(timer.close)
        scenario = _scenario(plan)
        designs = await adapter.catalogue()
        sessions = make_plan(scenario, scenario.seed, len(designs))
        progress("provisioning shoppers")
        await adapter.provision(sessions, scenario.customers, progress)
        clock = Clock.starting_in(START_DELAY_S, timer)
        stage = Stage(running, adapter, saboteur, control, (scenario, clock), tapes)
        stage.cgroups = cgroups
        stack.push_async_callback(stage.stop)
        stage.open_doors(sessions)
        yield stage
        await stage.close_doors()


def _scenario(plan: StagePlan) -> Scenario:
    text = (files("bench.faults") / "steady.toml").read_text(encoding="utf-8")
    scenario = parse_scenario(text, "steady.toml")
    return dataclasses.replace(
        scenario,
        phases=scenario.phases.holding(plan.load_s),
        arrivals=(RatePoint(0.0, plan.sessions_per_s),),
    )


def ports_of(descriptor: "Descriptor") -> dict[str, tuple[int, ...]]:
    """The ports at which other components reach each component, by its links."""
    found: dict[str, dict[int, None]] = {}
    for link in descriptor.links:
        port = int(link.address.rpartition(":")[2])
        found.setdefault(link.target, {})[port] = None
    return {name: tuple(ports) for name, ports in found.items()}
