"""Run one seed: a verdict, the schedule and figures; the same seed, the same bytes."""

import asyncio
import contextlib
import gc
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from node.simulation.checkers.verdict import Verdict, verdict_of
from node.simulation.machine.virtual_time import NothingLeft, VirtualLoop
from node.simulation.plan import Plan
from node.simulation.world import Record, World


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one plan."""

    plan: Plan
    verdict: Verdict
    lines: tuple[str, ...]
    digest: str
    """Of the event log."""
    simulated_s: float
    cpu_s: float
    """Of this process, for running and judging it."""
    height: int
    acknowledged: int
    recovery_s: float
    """From healing until every honest host had a new final block."""
    disk_writes: dict[str, int]


def simulate(plan: Plan, record: Record | None = None) -> Outcome:
    """Run the plan to its end and judge it."""
    return simulate_with(plan, lambda _: None, record)


def simulate_with(
    plan: Plan, prepare: Callable[[World], None], record: Record | None = None
) -> Outcome:
    """The same, with a hand on the world before it starts."""
    began_s = time.process_time()
    loop = VirtualLoop()
    with quiet_logs(), uncollected():
        try:
            world = World(plan, loop, record)
            prepare(world)
            try:
                loop.run_until_complete(world.run())
            except NothingLeft as error:
                world.history.unfinished.append(str(error))
            history = world.history
            digest, lines = history.digest, tuple(history.lines)
            simulated_s = loop.time()
            verdict = verdict_of(world)
        finally:
            _end(loop)
    resumed = [history.resumed_ms.get(h.name, 0) for h in world.honest]
    return Outcome(
        plan=plan,
        verdict=verdict,
        lines=lines,
        digest=digest,
        simulated_s=simulated_s,
        cpu_s=time.process_time() - began_s,
        height=max((f.block.header.number for f in history.finals), default=0),
        acknowledged=len(history.acknowledged),
        recovery_s=max(0, max(resumed, default=0) - history.healed_ms) / 1000,
        disk_writes={name: host.disk.writes for name, host in world.hosts.items()},
    )


def _end(loop: VirtualLoop) -> None:
    """Let no task outlive its loop."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    with contextlib.suppress(NothingLeft):
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.close()


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Looking for garbage takes a tenth of a simulation's time, and it makes little:
    that can wait until it is over."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextlib.contextmanager
def quiet_logs() -> Iterator[None]:
    """What nodes log about hundreds of planned failures is noise."""
    logger = logging.getLogger("node")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)
