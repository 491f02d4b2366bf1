"""Measures what orders cost on one target: two spans, under load and at rest.

All four counters are read at the same moments: CPU and disk from the supervisor, bytes
sent and fsyncs from the kernel where it can be asked (root, cgroup2). What cannot be
counted here is None in every figure, with the reason, and never zero.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.cost.demand import (
    Counters,
    Demand,
    Usage,
    demand_from,
    demand_json,
    demand_of,
)
from bench.cost.fsyncs import FsyncCounter
from bench.cost.fsyncs import unavailable as no_fsyncs
from bench.errors import BenchError, Exit
from bench.faults.cgroups import unavailable as no_cgroups
from bench.faults.stage import Stage, StagePlan, open_stage
from bench.history.record import Record
from bench.progress import Terminal
from bench.store.folder import read_json, write_json

COST_FILE = "cost.json"
SCHEMA = 1
WARM_S = 3.0
SETTLE_S = 2.0
REST_SHARE = 0.5  # of the measured time, at rest
WELL_TIMEOUT_S = 60.0
NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class CostPlan:
    """What to measure."""

    target: str
    folder: Path
    seconds: float = 20.0
    sessions_per_s: float = 20.0


@dataclass(frozen=True, slots=True)
class CostResult:
    """One target's costs. `missing`: why there are none; `not_measured`: counters that
    could not be read here, with the reason."""

    target: str
    missing: str | None = None
    durability: str = ""
    demand: Demand | None = None
    not_measured: dict[str, str] = field(default_factory=dict)
    mix: dict[str, int] = field(default_factory=dict)
    unserved: int = 0


async def run_cost(plan: CostPlan, terminal: Terminal) -> CostResult:
    """Start the target, measure, take it down."""
    stage_plan = StagePlan(
        plan.target,
        plan.folder,
        WARM_S + plan.seconds + 2 * WELL_TIMEOUT_S,
        plan.sessions_per_s,
        relays=False,
    )
    try:
        async with open_stage(stage_plan, terminal) as stage:
            with ExitStack() as stack:
                return await _measure(plan, stage, stack, terminal)
    except (BenchError, OSError) as error:
        terminal.say(f"could not be measured: {error}")
        return CostResult(plan.target, missing=str(error))


async def _measure(
    plan: CostPlan, stage: Stage, stack: ExitStack, terminal: Terminal
) -> CostResult:
    sampler = Sampler(stage, stack)
    if await stage.well(WELL_TIMEOUT_S) is None:
        raise BenchError("not every operation worked before the measurement")
    await stage.wait(WARM_S)
    terminal.say(f"measuring {plan.seconds:g} s under load")
    loaded_from_s, before = stage.now_s, await sampler.sample()
    await stage.wait(plan.seconds)
    loaded_to_s, after = stage.now_s, await sampler.sample()
    await stage.close_doors()
    await asyncio.sleep(SETTLE_S)
    terminal.say(f"measuring {plan.seconds * REST_SHARE:g} s at rest")
    rest_from_s, rest_before = stage.now_s, await sampler.sample()
    await stage.wait(plan.seconds * REST_SHARE)
    rest_to_s, rest_after = stage.now_s, await sampler.sample()
    seconds = (loaded_to_s - loaded_from_s, rest_to_s - rest_from_s)
    inside = [
        record
        for record in stage.records
        if loaded_from_s <= record.final_ns / NS < loaded_to_s
    ]
    return CostResult(
        plan.target,
        None,
        stage.descriptor.durability,
        demand_of(
            _usages(before, after, seconds[0]),
            _usages(rest_before, rest_after, seconds[1]),
            sum(r.operation == "place_order" and r.outcome == "ok" for r in inside),
        ),
        sampler.not_measured,
        _mix(inside),
        sum(record.outcome != "ok" for record in inside),
    )


class Sampler:
    """Reads all counters of a stage at once."""

    def __init__(self, stage: Stage, stack: ExitStack) -> None:
        self._stage = stage
        self._fsyncs: FsyncCounter | None = None
        self.not_measured: dict[str, str] = {}
        names = [component.name for component in stage.descriptor.components]
        if stage.cgroups is None:
            self.not_measured["bytes sent"] = no_cgroups() or "components lack cgroups"
            self.not_measured["fsyncs"] = no_fsyncs() or "components lack cgroups"
            return
        stage.cgroups.count(names)
        why = no_fsyncs()
        if why is not None:
            self.not_measured["fsyncs"] = why
            return
        paths = {name: stage.cgroups.path(name) for name in names}
        self._fsyncs = FsyncCounter(paths)
        stack.callback(self._fsyncs.close)

    async def sample(self) -> dict[str, Counters]:
        """Totals of every component now."""
        states = await self._stage.control.components()
        cgroups = self._stage.cgroups
        sent = cgroups.sent_bytes() if cgroups is not None else {}
        fsyncs = self._fsyncs.read() if self._fsyncs is not None else {}
        return {
            state.name: Counters(
                state.role,
                state.cpu_seconds,
                state.write_bytes,
                sent.get(state.name),
                fsyncs.get(state.name),
            )
            for state in states
        }


def _usages(
    before: Mapping[str, Counters], after: Mapping[str, Counters], seconds: float
) -> dict[str, Usage]:
    return {
        name: Usage.between(before[name], after[name], seconds)
        for name in after
        if name in before
    }


def _mix(records: Sequence[Record]) -> dict[str, int]:
    """How often each operation was served."""
    counts: dict[str, int] = {}
    for record in records:
        if record.outcome == "ok":
            counts[record.operation] = counts.get(record.operation, 0) + 1
    return dict(sorted(counts.items()))


def save(path: Path, results: Sequence[CostResult], price_list: str) -> None:
    """Write the results of a run, with the price list that was used."""
    write_json(
        path,
        {
            "schema": SCHEMA,
            "prices": price_list,
            "targets": [as_json(result) for result in results],
        },
    )


def as_json(result: CostResult) -> dict[str, Any]:
    """One result as plain data."""
    data = {name: getattr(result, name) for name in CostResult.__slots__}
    data["demand"] = None if result.demand is None else demand_json(result.demand)
    return data


def read(path: Path) -> tuple[list[CostResult], str]:
    """(results, price list) back from a file; BenchError if it is none."""
    data = read_json(path)
    try:
        results = [
            CostResult(
                **{
                    **item,
                    "demand": None
                    if item["demand"] is None
                    else demand_from(item["demand"]),
                }
            )
            for item in data["targets"]
        ]
        return results, str(data["prices"])
    except (KeyError, TypeError, ValueError) as error:
        raise BenchError(f"{path} holds no costs: {error!r}", Exit.STORAGE) from None
