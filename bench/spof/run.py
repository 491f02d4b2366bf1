"""Runs the matrix of one target: hit, hold, heal, audit, next.

Each fault is held until every operation has worked again for a while (the rest of the
system has taken over), or for `hold_s_max`, whichever comes first, and at least for
`hold_s_min`. A database cluster needs its lease to run out before it elects, so the
longest hold must be longer than that. Between two faults the target must be well again,
else it is taken down and the next fault meets a fresh one.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bench.adapters.contract import Audit
from bench.checks.orders import check_orders
from bench.errors import BenchError
from bench.faults.saboteur import DISK_FULL, NotRun
from bench.faults.smalldisk import unavailable as no_disks
from bench.faults.stage import Stage, StagePlan, open_stage
from bench.history.record import Record
from bench.progress import Terminal
from bench.spof.matrix import Cell, Matrix
from bench.spof.verdict import (
    Span,
    operation_verdict,
    usual_p99s,
    well_again_s,
    with_loss,
)

QUIET_S = 4.0  # undisturbed load before the first fault, for the usual figures
BETWEEN_S = 1.5
WELL_TIMEOUT_S = 60.0
STAGE_S_MAX = 1500.0
PRIMARY = "primary"
LOOKS = 4  # at the orders, before one is called lost
FAULTS = ("kill", "pause", "partition")


@dataclass(frozen=True, slots=True)
class SpofPlan:
    """What to do to one target. Empty `components`: all."""

    target: str
    folder: Path
    faults: Sequence[str] = FAULTS
    components: Sequence[str] = ()
    hold_s_min: float = 5.0
    hold_s_max: float = 30.0
    sessions_per_s: float = 12.0


@dataclass(slots=True)
class Shown:
    """What one stage has shown so far."""

    cells: list[Cell] = field(default_factory=list)
    quiet: list[Span] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    duplicated: set[str] = field(default_factory=set)


class Books(Protocol):
    """What is known of a target's orders: by shoppers, and by itself."""

    @property
    def records(self) -> Sequence[Record]:
        """Every operation that has ended."""

    async def audit(self) -> Audit:
        """What the target holds now."""

    async def wait(self, seconds: float) -> None:
        """Let time pass."""


async def run_matrix(plan: SpofPlan, terminal: Terminal) -> Matrix:
    """All cells of one target. A target that cannot be started is a matrix that says
    so."""
    done: list[Cell] = []
    matrix = Matrix(plan.target, "", (), ())
    number = 0
    try:
        is_complete = False
        while not is_complete:
            number += 1
            before = len(done)
            matrix, is_complete = await _one_stage(plan, number, done, terminal)
            if not is_complete:
                terminal.say("not well again: the next fault meets a fresh target")
            if len(done) == before:
                break
    except (BenchError, OSError) as error:
        terminal.say(f"could not be measured: {error}")
        return dataclasses.replace(matrix, cells=tuple(done), missing=str(error))
    return matrix


async def _one_stage(
    plan: SpofPlan, number: int, done: list[Cell], terminal: Terminal
) -> tuple[Matrix, bool]:
    """As many faults as one target gets over, each judged afterwards; and whether that
    was all of them."""
    stage_name, is_well = f"stage-{number}", True
    stage_plan = StagePlan(
        plan.target,
        plan.folder / stage_name,
        STAGE_S_MAX,
        plan.sessions_per_s,
        relays="delay" in plan.faults or None,
        small_disks=DISK_FULL in plan.faults and no_disks() is None,
    )
    shown = Shown()
    async with open_stage(stage_plan, terminal) as stage:
        if await stage.well(WELL_TIMEOUT_S) is None:
            raise BenchError("not every operation worked before the first fault")
        quiet_s = stage.now_s
        await stage.wait(QUIET_S)
        shown.quiet.append(Span(quiet_s, stage.now_s))
        has_primary = await stage.holder(PRIMARY) is not None
        for asked, fault in _todo(plan, stage, done, has_primary):
            terminal(f"{fault} {asked}")
            cell, is_well = await _one_cell(plan, stage, (asked, fault), shown)
            cell = dataclasses.replace(cell, stage=stage_name)
            shown.cells.append(cell)
            if not is_well:
                break
    # Only now is everything in the history that was asked for during the faults.
    usual = usual_p99s(stage.records, stage.operations, shown.quiet)
    judged = [
        _judge(cell, stage.records, stage.operations, usual) for cell in shown.cells
    ]
    done += judged
    for cell in judged:
        terminal.say(_line(cell))
    matrix = Matrix(
        plan.target,
        stage.descriptor.durability,
        stage.operations,
        tuple(done),
        None,
        usual,
    )
    return matrix, not list(_todo(plan, stage, done, has_primary))


def _todo(
    plan: SpofPlan, stage: Stage, done: Sequence[Cell], has_primary: bool
) -> Iterator[tuple[str, str]]:
    """(whom, fault) of what is left: every component, and whoever is the primary then,
    for the office moves with the first fault on its holder."""
    have = {(cell.asked, cell.fault) for cell in done}
    names = [component.name for component in stage.descriptor.components]
    names += [PRIMARY] if has_primary else []
    for name in plan.components:
        if name not in names:
            raise BenchError(f"{plan.target} has no '{name}'; it has {names}")
    for name in plan.components or names:
        for fault in plan.faults:
            if (name, fault) not in have:
                yield name, fault


async def _one_cell(
    plan: SpofPlan, stage: Stage, what: tuple[str, str], shown: Shown
) -> tuple[Cell, bool]:
    """Hit, hold, heal, audit: (the cell without verdicts, whether all is well)."""
    asked, fault = what
    holder = await stage.holder(PRIMARY)
    component = (holder or asked) if asked == PRIMARY else asked
    roles = {c.name: c.role for c in stage.descriptor.components}
    role = roles.get(component, "")
    office = PRIMARY if holder == component else ""
    cell = Cell(component, role, office, fault, asked)
    if component == PRIMARY:
        return dataclasses.replace(cell, not_run="nobody was the primary then"), True
    try:
        begun_s, method = await stage.begin(fault, component)
    except NotRun as reason:
        return dataclasses.replace(cell, not_run=str(reason)), True
    await stage.wait(plan.hold_s_min)
    held_s = stage.now_s - begun_s
    await stage.well(max(0.0, plan.hold_s_max - held_s))
    ended_s = await stage.end()
    is_well = await stage.well(WELL_TIMEOUT_S) is not None
    watched_to_s = stage.now_s
    lost, duplicated = await new_losses(stage, shown)
    await stage.wait(BETWEEN_S)
    return (
        dataclasses.replace(
            cell,
            method=method,
            begun_s=begun_s,
            ended_s=ended_s,
            watched_to_s=watched_to_s,
            well_again_s=0.0 if is_well else None,
            lost=lost,
            duplicated=duplicated,
        ),
        is_well,
    )


async def new_losses(
    stage: Books, shown: Shown
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is lost or there twice that was not so at the last look. What a later look
    finds was late (a node that caught up), not lost."""
    settled = list(stage.records)
    lost, twice = set[str](), set[str]()
    for look in range(LOOKS):
        if look:
            await stage.wait(BETWEEN_S)
        verdict = check_orders(settled, (await stage.audit()).orders)
        lost = {*verdict.lost, *verdict.altered} - shown.lost
        twice = set(verdict.duplicated) - shown.duplicated
        if not lost:
            break
    shown.lost |= lost
    shown.duplicated |= twice
    return tuple(sorted(lost)), tuple(sorted(twice))


def _judge(
    cell: Cell,
    records: Sequence[Record],
    operations: Sequence[str],
    usual: dict[str, float | None],
) -> Cell:
    if cell.not_run is not None:
        return cell
    span = Span(cell.begun_s, cell.ended_s)
    verdicts = {
        name: operation_verdict(records, name, span, usual[name]) for name in operations
    }
    again_s = cell.well_again_s
    if again_s is not None:
        again_s = well_again_s(records, span, cell.watched_to_s)
    return dataclasses.replace(
        cell, operations=with_loss(verdicts, cell.lost), well_again_s=again_s
    )


def _line(cell: Cell) -> str:
    who = f"{cell.fault} {cell.component}" + (f" ({cell.office})" * bool(cell.office))
    if cell.not_run is not None:
        return f"{who}: not run, {cell.not_run}"
    return f"{who}: {cell.worst.value}"
