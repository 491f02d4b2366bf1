"""Runs a lesson on real processes: acts one after the other, everything written down.

What comes back is raw: records, events, logs of the nodes, one audit at the end. A
sentence about it is made elsewhere and can be made again from the same files.
"""

import asyncio
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.adapters.contract import Audit, Progress
from bench.descriptor import Descriptor
from bench.errors import BenchError
from bench.faults.stage import Stage, StagePlan, open_stage
from bench.history.record import Record
from bench.lab.chainlog import Heard, read_node_log
from bench.lab.lessons import Act, Lesson

EVENTS_SETTING = "CHANDLERY_LOG_EVENTS"
LOAD_S_MAX = 300.0
QUIET_S = 4.0
BEFORE_S = 20.0
WELL_TIMEOUT_S = 60.0
SESSIONS_PER_S = 8.0


@dataclass(frozen=True, slots=True)
class Played:
    """One act as it went. Moments in seconds of the load."""

    act: Act
    component: str
    method: str
    begun_s: float
    ended_s: float
    watched_to_s: float
    is_well: bool  # everything worked again while it was watched


@dataclass(frozen=True, slots=True)
class Course:
    """A whole lesson as it went."""

    descriptor: Descriptor
    operations: tuple[str, ...]
    quiet: tuple[float, float]
    played: tuple[Played, ...]
    records: tuple[Record, ...]
    happened: tuple[dict[str, Any], ...]
    audit: Audit
    heard: tuple[Heard, ...]


async def run_course(lesson: Lesson, folder: Path, progress: Progress) -> Course:
    """Start the target, play every act, read everything back, take it down."""
    plan = StagePlan(lesson.target, folder, LOAD_S_MAX, SESSIONS_PER_S)
    with _event_logs():
        async with open_stage(plan, progress) as stage:
            if await stage.well(BEFORE_S) is None:
                raise BenchError(
                    "not every operation worked before the first act; is the machine "
                    f"busy? See the logs in {folder}"
                )
            quiet_s = stage.now_s
            progress("everything works; a few seconds of peace for comparison")
            await stage.wait(QUIET_S)
            quiet = (quiet_s, stage.now_s)
            played = [await _play(act, stage, progress) for act in lesson.acts]
            progress("the last shoppers leave; reading every order back")
            await stage.close_doors()
            records = list(stage.records)
            audit = await stage.audit()
            await asyncio.to_thread(_copy_logs, stage, folder)
            happened, zero_s = tuple(stage.happened), stage.zero_s
        heard = _read_logs(stage.descriptor, folder, zero_s)
    return Course(
        stage.descriptor,
        stage.operations,
        quiet,
        tuple(played),
        tuple(records),
        happened,
        audit,
        tuple(heard),
    )


async def _play(act: Act, stage: Stage, progress: Progress) -> Played:
    component = act.who
    if act.who == "primary":
        holder = await stage.holder("primary")
        if holder is None:
            raise BenchError("nobody says that it is the primary; see the logs")
        component = holder
    progress(act.say)
    begun_s, method = await stage.begin(act.fault, component)
    await stage.wait(act.hold_s)
    if act.hold_s_max > act.hold_s:
        progress("held until everything works again")
        await stage.well(act.hold_s_max - act.hold_s)
    ended_s = await stage.end()
    progress("undone; waiting until everything works")
    is_well = await stage.well(WELL_TIMEOUT_S) is not None
    watched_to_s = stage.now_s
    await stage.wait(QUIET_S / 2)
    return Played(act, component, method, begun_s, ended_s, watched_to_s, is_well)


@contextmanager
def _event_logs() -> Iterator[None]:
    """Nodes started meanwhile record every consensus event (`log.events`)."""
    before = os.environ.get(EVENTS_SETTING)
    os.environ[EVENTS_SETTING] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ[EVENTS_SETTING]
        else:
            os.environ[EVENTS_SETTING] = before


def _copy_logs(stage: Stage, folder: Path) -> None:
    for component in stage.descriptor.components:
        path = stage.folder / component.name / "logs" / "events.jsonl"
        if path.is_file():
            shutil.copyfile(path, folder / f"{component.name}.events.jsonl")


def _read_logs(descriptor: Descriptor, folder: Path, zero_s: float) -> list[Heard]:
    names = {
        (component.address or "").lower().removeprefix("0x"): component.name
        for component in descriptor.components
    }
    heard: list[Heard] = []
    for component in descriptor.components:
        path = folder / f"{component.name}.events.jsonl"
        heard += read_node_log(path, component.name, names, zero_s)
    return sorted(heard, key=lambda item: item.at_s)
