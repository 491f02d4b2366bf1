"""Runs one trial against one running target and leaves its raw samples behind.

Nothing is judged here. Whatever the trial cannot do (an audit that fails, a fault the
target does not offer) is written down as such for the analysis to weigh.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.adapters.contract import Adapter, Audit, Progress
from bench.control import Control
from bench.descriptor import Descriptor
from bench.errors import BenchError
from bench.faults.injector import Injector, Locate
from bench.history.files import LineWriter
from bench.load.clock import Clock
from bench.load.timer import PreciseTimer
from bench.scenario.model import Scenario
from bench.store.folder import write_json
from bench.trial.giveup import GiveUp
from bench.trial.meter import Meter
from bench.trial.source import LoadSource, MakeSource, OwnGenerator, Wanted
from bench.workload.plan import Session, make_plan

AUDIT_ATTEMPTS = 10
AUDIT_PAUSE_S = 2.0
PROGRESS_PERIOD_S = 1.0
HISTORY = "history.jsonl"
LAG = "lag.jsonl"
COMPONENTS = "components.jsonl"
EVENTS = "events.jsonl"
OBSERVATIONS = "observations.jsonl"
AUDIT = "audit.json"
TRIAL = "trial.json"


@dataclass(frozen=True, slots=True)
class Bench:
    """What a trial works with. `folder` receives the raw samples; `facts` say which
    trial of a run it is and are kept with them. A probe of the knee is not audited
    (its target goes on to the next probe) and gives up once its objective is missed.
    `make_source` says where the load comes from: by default, from this process.
    """

    scenario: Scenario
    seed: int
    descriptor: Descriptor
    adapter: Adapter
    folder: Path
    progress: Progress
    facts: Mapping[str, Any] = field(default_factory=dict)
    locate: Locate | None = None
    is_probe: bool = False
    make_source: MakeSource = OwnGenerator


async def run_trial(bench: Bench) -> None:
    """Provision, load with faults, audit; the folder then holds the whole trial."""
    adapter = bench.adapter
    await adapter.open()
    try:
        designs = await adapter.catalogue()
        plan = make_plan(bench.scenario, bench.seed, len(designs))
        load = bench.make_source(
            Wanted(
                bench.scenario,
                bench.seed,
                len(designs),
                plan,
                bench.descriptor,
                adapter,
            )
        )
        try:
            provisioning = await _provision(bench, load)
            facts = await _load(bench, plan, load)
            told = load.told()
        finally:
            await load.finish()
        audit: Audit | None = None
        audit_error: str | None = "a probe is not audited"
        if not bench.is_probe:
            bench.progress("auditing what is there")
            audit, audit_error = await _audit(adapter)
        if audit is not None:
            write_json(bench.folder / AUDIT, audit_json(audit))
        observations = LineWriter(bench.folder / OBSERVATIONS)
        for line in [*adapter.observations(), *told.observations]:
            observations.line(_since(facts["started_ns"], line))
        observations.close()
        write_json(
            bench.folder / TRIAL,
            {
                **bench.facts,
                "seed": bench.seed,
                "designs": [asdict(design) for design in designs],
                "provisioning": provisioning,
                "audit_error": audit_error,
                "reads": adapter.reads,
                **told.facts,
                **facts,
            },
        )
    finally:
        await adapter.close()


async def _provision(bench: Bench, load: LoadSource) -> dict[str, float]:
    bench.progress(f"provisioning {bench.scenario.customers} customers")
    began_s = time.monotonic()
    provisioning = await load.provision(bench.progress)
    provisioning["provisioning_s"] = time.monotonic() - began_s
    return provisioning


async def _load(
    bench: Bench, plan: Sequence[Session], source: LoadSource
) -> dict[str, Any]:
    """Load, faults, meter and the generator's self-watch, side by side."""
    folder, scenario = bench.folder, bench.scenario
    names = (HISTORY, LAG, COMPONENTS, EVENTS)
    writers = {name: LineWriter(folder / name) for name in names}
    timer = PreciseTimer()
    timer.open()
    clock = Clock.starting_in(source.start_delay_s, timer)
    # One connection each: a kill that takes its time must not hold up the meter.
    fault_control, meter_control = _control(bench), _control(bench)
    injector = Injector(
        bench.descriptor, fault_control, clock, writers[EVENTS], bench.locate
    )
    watchers = [asyncio.create_task(_show(bench, clock, source))]
    doorman = GiveUp(scenario, plan) if bench.is_probe else None
    if doorman is not None:
        watchers.append(asyncio.create_task(doorman.watch(clock, source)))
    try:
        async with asyncio.TaskGroup() as group:
            load = group.create_task(source.run(clock, writers[HISTORY], writers[LAG]))
            group.create_task(injector.run(scenario.faults, scenario.phases))
            if meter_control is not None:
                meter = Meter(meter_control, clock, writers[COMPONENTS])
                group.create_task(meter.run(scenario.phases))
    except BaseExceptionGroup as problems:
        raise problems.exceptions[0] from None
    finally:
        for watcher in watchers:
            watcher.cancel()
            with suppress(asyncio.CancelledError):
                await watcher
        for writer in writers.values():
            writer.close()
        for control in (fault_control, meter_control):
            if control is not None:
                await control.close()
        timer.close()
    return {
        "started_at": clock.wall_s,
        "started_ns": clock.start_ns,
        "load": asdict(load.result()),
        "given_up_s": None if doorman is None else doorman.given_up_s,
    }


def _since(start_ns: int, line: dict[str, Any]) -> dict[str, Any]:
    """Moments of the monotonic clock, counted from the start of the load."""
    return {
        name: value - start_ns if name.endswith("_ns") else value
        for name, value in line.items()
    }


def _control(bench: Bench) -> Control | None:
    path = bench.descriptor.control
    return None if path is None else Control(path)


async def _show(bench: Bench, clock: Clock, load: LoadSource) -> None:
    """A line of progress a second."""
    phases = bench.scenario.phases
    while True:
        now_s = max(0.0, clock.now_ns() / 1e9)
        bench.progress(
            f"{phases.of(now_s).replace('_', ' '):<11} "
            f"{now_s:4.0f}/{phases.load_s:.0f} s"
            f"  {load.operations_done} operations,"
            f" {load.operations_unserved} not served"
        )
        await asyncio.sleep(PROGRESS_PERIOD_S)


async def _audit(adapter: Adapter) -> tuple[Audit | None, str | None]:
    """The audit, tried for a while: a target may still be recovering."""
    error: Exception | None = None
    for _ in range(AUDIT_ATTEMPTS):
        try:
            return await adapter.audit(), None
        except (BenchError, OSError) as problem:
            error = problem
            await asyncio.sleep(AUDIT_PAUSE_S)
    return None, str(error)


def audit_json(audit: Audit) -> dict[str, Any]:
    """The audit as kept: amounts as texts, one order a row."""
    data = asdict(audit)
    data["held"] = None if audit.held is None else str(audit.held)
    for order in data["orders"]:
        order["amount"] = str(order["amount"])
    return data
