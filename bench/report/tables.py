"""The report's tables, computed from the run."""

from bench.analysis.fault import FaultCourse
from bench.analysis.run import RunResult, TargetResult
from bench.analysis.trial import OperationResult, TrialResult
from bench.report.markup import Cell, table
from bench.report.trust import trust_of
from bench.report.words import (
    NOT_CARRIED,
    milliseconds,
    number,
    percent,
    quantile_name,
    seconds,
)
from bench.stats.latency import QUANTILES


def at_a_glance(result: RunResult) -> str:
    """One row a target, those that are missing included."""
    header = [
        "target",
        "orders/s (offered)",
        "order p50",
        "order p95",
        "browse p50",
        "CPU ms/order",
        "killed",
        "requests failed",
        "orders lost",
        "twice",
        "valid",
    ]
    return table(header, [_glance(target) for target in result.targets])


def _glance(target: TargetResult) -> list[Cell | str]:
    if not target.trials:
        return [target.name, *[Cell("missing", None, "bad")] * 10]
    trial = target.shown
    orders = trial.operations["place_order"].latency.quantiles_ms
    browse = trial.operations.get("browse")
    course = trial.faults[0] if trial.faults else None
    return [
        target.name,
        Cell(
            f"{number(trial.goodput_orders_per_s)} "
            f"({number(trial.offered_orders_per_s)})",
            trial.goodput_orders_per_s,
        ),
        _time(orders[0.5]),
        _time(orders[0.95]),
        _time(browse.latency.quantiles_ms[0.5] if browse else None),
        _figure(trial.cost.cpu_ms_per_order if trial.cost else None),
        _killed(course),
        _figure(course.requests_failed if course and not course.not_run else None),
        _count(len(trial.orders.lost)),
        _count(len(trial.orders.duplicated)),
        Cell("yes", None, "good") if trial.is_valid else Cell("INVALID", None, "bad"),
    ]


def _killed(course: FaultCourse | None) -> Cell:
    if course is None:
        return Cell("nothing")
    if course.not_run is not None:
        return Cell("not run", None, "note")
    return Cell(f"{course.component}")


def trust_table(result: RunResult) -> str:
    """What each target asks one to trust."""
    header = [
        "target",
        "who must be trusted",
        "crash survived",
        "liar survived",
        "what an acknowledgement is worth",
    ]
    rows: list[list[Cell | str]] = []
    for target in result.targets:
        if target.descriptor is not None:
            trust = trust_of(target.descriptor)
            rows.append(
                [
                    target.name,
                    trust.operators,
                    trust.crash,
                    trust.liar,
                    trust.durability,
                ]
            )
    return table(header, rows, sortable=False) if rows else ""


def latency_table(result: RunResult) -> str:
    """Every operation of every target: latency from the intended start."""
    header = [
        "target",
        "operation",
        "count",
        "not ok",
        "retried",
        *[quantile_name(q) for q in QUANTILES],
        "max",
        "service p50",
        "accepted p50",
    ]
    rows = [
        _latency_row(target.name, operation)
        for target in result.measured
        for operation in (*target.shown.operations.values(), target.shown.journey)
    ]
    return table(header, rows)


def _latency_row(name: str, operation: OperationResult) -> list[Cell | str]:
    return [
        name,
        operation.operation.replace("_", " "),
        _figure(operation.count),
        _count(operation.failed + operation.unknown),
        _figure(operation.retried),
        *[_time(operation.latency.quantiles_ms[q]) for q in QUANTILES],
        _time(operation.latency.max_ms),
        _time(operation.service.quantiles_ms[0.5]),
        _time(operation.accepted.quantiles_ms[0.5] if operation.accepted else None),
    ]


def fault_table(result: RunResult) -> str:
    """What was hit and what came of it."""
    header = [
        "target",
        "fault",
        "role",
        "down for",
        "requests failed",
        "last failure",
        "available again",
        "fast again",
        "worst second",
        "slowest order",
        "shoppers unserved",
    ]
    rows = [
        _fault_row(_told(result, target, trial), course)
        for target in result.measured
        for trial in target.with_faults
        for course in trial.faults
    ]
    return table(header, rows) if rows else ""


def _fault_row(name: str, course: FaultCourse) -> list[Cell | str]:
    if course.not_run is not None:
        return [name, f"{course.kind}: not run", *[course.not_run], *[NOT_CARRIED] * 8]
    asked_s = course.asked_s or 0.0
    down_s = None if course.running_s is None else course.running_s - asked_s
    last_s = None if course.last_failure_s is None else course.last_failure_s - asked_s
    recovery = course.recovery
    return [
        name,
        f"{course.kind} {course.component}",
        course.role,
        Cell(seconds(down_s), down_s),
        Cell(f"{course.requests_failed:,}", course.requests_failed),
        Cell("none" if last_s is None else f"after {seconds(last_s)}", last_s or 0.0),
        _recovered(recovery.availability_rto_s if recovery else None),
        _recovered(recovery.performance_rto_s if recovery else None),
        Cell(percent(course.worst_second_share), course.worst_second_share or 0.0),
        _time(course.slowest_order_ms),
        Cell(str(course.operations_unserved), course.operations_unserved),
    ]


def availability_table(result: RunResult) -> str:
    """From the injection on: shoppers served, and the worst windows of requests."""
    rows: list[list[Cell | str]] = [
        [
            _told(result, target, trial),
            Cell(
                f"{course.shoppers_served:,} of {course.shoppers:,}",
                course.shoppers_served / course.shoppers if course.shoppers else 1.0,
            ),
            _share(course.worst_second_share),
            _share(course.worst_10_s_share),
            _share(course.worst_60_s_share),
        ]
        for target in result.measured
        for trial in target.with_faults
        for course in trial.faults
        if course.not_run is None
    ]
    header = [
        "target",
        "shoppers served from then on",
        "worst second",
        "worst 10 s",
        "worst 60 s",
    ]
    return "<h3>Availability</h3>" + table(header, rows) if rows else ""


def _share(share: float | None) -> Cell:
    return Cell(percent(share), -1.0 if share is None else share)


def _told(result: RunResult, target: TargetResult, trial: TrialResult) -> str:
    """The target, and which of its trials where there are several."""
    return f"{target.name}, {trial.load_name}" if result.has_intervals else target.name


def _recovered(value: float | None) -> Cell:
    if value is None:
        return Cell("not while loaded", float("1e9"), "bad")
    return Cell("at once" if value == 0 else f"after {seconds(value)}", value)


def block_table(result: RunResult) -> str:
    """The blocks of each chain; nothing if no chain was measured."""
    rows: list[list[Cell | str]] = []
    for target in result.measured:
        trial = target.shown
        blocks = trial.blocks
        if blocks is not None:
            rows.append(
                [
                    target.name,
                    _figure(len(blocks.final_s)),
                    Cell(seconds(blocks.median_interval_s)),
                    Cell(seconds(blocks.longest_gap_s)),
                    Cell(f"at {seconds(blocks.longest_gap_from_s)}"),
                    _figure(blocks.transactions),
                    _figure(blocks.largest),
                ]
            )
    header = [
        "chain",
        "blocks",
        "median interval",
        "longest silence",
        "began",
        "transactions",
        "most in a block",
    ]
    return "<h3>Blocks</h3>" + table(header, rows) if rows else ""


def order_table(result: RunResult) -> str:
    """The set algebra of orders."""
    header = [
        "target",
        "acknowledged",
        "there",
        "lost",
        "twice",
        "unexpected",
        "altered",
        "recovered",
        "unknown, not there",
    ]
    rows: list[list[Cell | str]] = []
    for target in result.measured:
        verdicts = [trial.orders for trial in target.trials]
        rows.append(
            [
                target.name,
                _figure(sum(v.acknowledged for v in verdicts)),
                _figure(sum(v.there for v in verdicts)),
                _count(sum(len(v.lost) for v in verdicts)),
                _count(sum(len(v.duplicated) for v in verdicts)),
                _count(sum(len(v.unexpected) for v in verdicts)),
                _count(sum(len(v.altered) for v in verdicts)),
                _figure(sum(len(v.recovered) for v in verdicts)),
                _figure(sum(len(v.unknown) for v in verdicts)),
            ]
        )
    return table(header, rows) if rows else ""


def check_table(result: RunResult) -> str:
    """Every check with the figures it rests on: of the trial that failed it, else of
    the last one."""
    rows: list[list[Cell | str]] = []
    for target in result.measured:
        for name in [check.name for check in target.shown.checks]:
            found = [c for t in target.trials for c in t.checks if c.name == name]
            passed = sum(check.passed is True for check in found)
            failed = [check for check in found if check.passed is False]
            if failed:
                verdict = Cell(f"FAIL in {len(failed)} of {len(found)}", None, "bad")
            elif passed:
                several = f" in {passed} of {len(found)}" if len(found) > 1 else ""
                verdict = Cell(f"pass{several}", None, "good")
            else:
                verdict = Cell("not checked", None, "note")
            detail = (failed or found)[-1].detail
            rows.append([target.name, name, verdict, detail])
    return table(["target", "check", "result", "figures"], rows) if rows else ""


def gate_table(result: RunResult) -> str:
    """The validity gates of every trial."""
    rows: list[list[Cell | str]] = [
        [
            target.name,
            str(trial.number),
            gate.name,
            f"{number(gate.found)} {gate.unit}",
            f"{number(gate.allowed)} {gate.unit}",
            Cell("holds", None, "good") if gate.holds else Cell("INVALID", None, "bad"),
        ]
        for target in result.measured
        for trial in target.trials
        for gate in trial.gates
    ]
    header = ["target", "trial", "gate", "found", "allowed", "verdict"]
    return table(header, rows) if rows else ""


def provisioning_table(result: RunResult) -> str:
    """What was made before the load, and what it took; not part of any latency."""
    rows: list[list[Cell | str]] = []
    for target in result.measured:
        trial = target.shown
        rows.append([target.name, "start_s", Cell(number(target.start_s))])
        for name, value in trial.facts.get("provisioning", {}).items():
            rows.append([target.name, name, Cell(number(value))])
    return table(["target", "figure", "value"], rows) if rows else ""


def _time(value_ms: float | None) -> Cell:
    return Cell(milliseconds(value_ms), -1.0 if value_ms is None else value_ms)


def _figure(value: float | None) -> Cell:
    return Cell(number(value), -1.0 if value is None else float(value))


def _count(value: int) -> Cell:
    return Cell(str(value), float(value), "bad" if value else "")
