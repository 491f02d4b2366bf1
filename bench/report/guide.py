"""The decision guide: which target showed what a shop may need, in this run.

Each row is a need and a rule over the run's own figures; a target that was not asked
the question (nothing of it was killed) is in neither column.
"""

from collections.abc import Callable
from dataclasses import dataclass

from bench.analysis.fault import FaultCourse
from bench.analysis.run import RunResult, TargetResult
from bench.report.markup import Cell, table
from bench.report.words import NOT_CARRIED, listed

BRIEF_S = 5.0

Rule = Callable[[TargetResult], bool | None]


@dataclass(frozen=True, slots=True)
class Need:
    """What a shop may need, and how a target shows it; None: it was not asked."""

    words: str
    rule: Rule


def guide_table(result: RunResult) -> str:
    """Needs, and who showed or lacked them here."""
    needs = [
        Need("No operator may be able to change or forge an order", _survives_a_liar),
        Need("No acknowledged order may be lost when a part dies", _loses_nothing),
        Need("Every shopper is served through it, if clients retry", _serves_all),
        Need(f"Service is back within {BRIEF_S:g} s of it", _is_back_soon),
        Need("The objective holds at the lowest load", _objective_of(result)),
    ]
    rows: list[list[Cell | str]] = []
    for need in needs:
        answers = [(target.name, need.rule(target)) for target in result.measured]
        yes = [name for name, answer in answers if answer is True]
        no = [name for name, answer in answers if answer is False]
        rows.append(
            [
                need.words,
                Cell(listed(yes) or NOT_CARRIED, None, "good" if yes else ""),
                Cell(listed(no) or NOT_CARRIED, None, "bad" if no else ""),
            ]
        )
    header = ["if this is needed", "shown in this run by", "not by"]
    return table(header, rows, sortable=False) if result.measured else ""


def _survives_a_liar(target: TargetResult) -> bool | None:
    descriptor = target.descriptor
    if descriptor is None or (
        descriptor.world == "chain" and not descriptor.components
    ):
        return None
    validators = sum(c.role == "validator" for c in descriptor.components)
    return descriptor.world == "chain" and validators >= 4


def _courses(target: TargetResult) -> list[FaultCourse]:
    found = [c for trial in target.with_faults for c in trial.faults]
    return [course for course in found if course.not_run is None]


def _loses_nothing(target: TargetResult) -> bool | None:
    if not _courses(target):
        return None
    return not any(trial.orders.lost for trial in target.trials)


def _serves_all(target: TargetResult) -> bool | None:
    courses = _courses(target)
    return all(c.operations_unserved == 0 for c in courses) if courses else None


def _is_back_soon(target: TargetResult) -> bool | None:
    """True if every fault was over for shoppers within the time; a fault that was not
    over while load was held is a no."""
    courses = [c for c in _courses(target) if c.recovery is not None]
    if not courses:
        return None
    back = [c.recovery.availability_rto_s for c in courses if c.recovery is not None]
    return all(seconds is not None and seconds <= BRIEF_S for seconds in back)


def _objective_of(result: RunResult) -> Rule:
    objective = result.scenario.objective
    load = result.load_names[0]

    def rule(target: TargetResult) -> bool | None:
        trials = target.at(load)
        if not trials:
            return None
        for trial in trials:
            orders = trial.operations["place_order"]
            waited = orders.distribution.quantile_ms(objective.order_quantile)
            if waited is None:
                waited = orders.latency.max_ms
            share = orders.ok / orders.count if orders.count else 0.0
            if share < objective.success_share or waited > objective.order_latency_ms:
                return False
        return True

    return rule
