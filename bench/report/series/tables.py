"""Tables of many trials: medians with intervals, ratios, knees, every trial's fate."""

from statistics import median

from bench.analysis.run import RunResult, TargetResult
from bench.analysis.series import BY_NAME, METRICS, Metric, interval_of, values_of
from bench.report.markup import Cell, table
from bench.report.series.sentences import interval_words, pairs
from bench.report.words import NOT_CARRIED, milliseconds, number, percent
from bench.stats.ranks import Interval


def glance_table(result: RunResult) -> str:
    """One row a target: knee, medians by load, losses, trials."""
    loads = result.load_names
    header = [
        "target",
        "sustained sessions/s",
        *[f"order p50, {load}" for load in loads],
        f"order p95, {loads[0]}",
        f"CPU ms/order, {loads[0]}",
        "requests failed in faults",
        "orders lost",
        "twice",
        "valid trials",
    ]
    return table(header, [_glance(result, target) for target in result.targets])


def _glance(result: RunResult, target: TargetResult) -> list[Cell | str]:
    loads = result.load_names
    if not target.trials:
        return [target.name, *[Cell("missing", None, "bad")] * (len(loads) + 7)]
    lost = sum(len(trial.orders.lost) for trial in target.trials)
    twice = sum(len(trial.orders.duplicated) for trial in target.trials)
    valid = sum(trial.is_valid for trial in target.trials)
    failed = sum(c.requests_failed for t in target.with_faults for c in t.faults)
    knee = target.knee_sessions_per_s
    return [
        target.name,
        Cell(number(knee), -1.0 if knee is None else knee),
        *[_middle(target, load, "order_latency_ms_p50") for load in loads],
        _middle(target, loads[0], "order_latency_ms_p95"),
        _middle(target, loads[0], "cpu_ms_per_order"),
        Cell(f"{failed:,}", float(failed)),
        Cell(str(lost), float(lost), "bad" if lost else ""),
        Cell(str(twice), float(twice), "bad" if twice else ""),
        Cell(f"{valid} of {len(target.trials)}", float(valid)),
    ]


def _middle(target: TargetResult, load: str, name: str) -> Cell:
    values = values_of(target.at(load), BY_NAME[name])
    if not values:
        return Cell(NOT_CARRIED, -1.0)
    middle = median(values)
    return Cell(f"{number(middle)} {BY_NAME[name].unit}", middle)


def medians_table(result: RunResult) -> str:
    """Median and interval of every figure, by load and target."""
    header = ["load", "target", "trials", "figure", "median", "interval", "covers"]
    rows: list[list[Cell | str]] = []
    for load in result.load_names:
        for target in result.measured:
            trials = target.at(load)
            for metric in METRICS:
                values = values_of(trials, metric)
                if values:
                    found = interval_of(trials, metric)
                    rows.append(
                        [
                            load,
                            target.name,
                            Cell(str(len(values)), float(len(values))),
                            metric.name.replace("_", " "),
                            *_median(metric, values, found),
                        ]
                    )
    return table(header, rows) if rows else ""


def _median(
    metric: Metric, values: list[float], found: Interval | None
) -> list[Cell | str]:
    if found is None:
        middle = median(values)
        return [
            Cell(f"{number(middle)} {metric.unit}", middle),
            f"no interval of {len(values)}",
            NOT_CARRIED,
        ]
    return [
        Cell(f"{number(found.median)} {metric.unit}", found.median),
        f"[{number(found.low)}, {number(found.high)}]",
        percent(found.confidence),
    ]


def ratios_table(result: RunResult) -> str:
    """Every ratio of two targets, with what may be said of it."""
    header = ["load", "figure", "of", "to", "ratio", "interval", "what may be said"]
    rows: list[list[Cell | str]] = []
    for pair in pairs(result):
        verdict = pair.verdict
        inside = NOT_CARRIED if verdict.interval is None else interval_words(verdict)
        rows.append(
            [
                pair.load,
                pair.metric.name.replace("_", " "),
                pair.left.name,
                pair.right.name,
                Cell(number(verdict.point), verdict.point),
                inside,
                verdict.finding.value,
            ]
        )
    return table(header, rows) if rows else ""


def knee_table(result: RunResult) -> str:
    """Every probe of every knee."""
    name = f"order p{result.scenario.objective.order_quantile * 100:g}"
    header = [
        "target",
        "sessions/s",
        "orders/s offered",
        "orders/s finished",
        "order p50",
        name,
        "under way, first third",
        "last third",
        "verdict",
    ]
    rows: list[list[Cell | str]] = []
    for target in result.targets:
        for probe in target.probes:
            verdict = Cell("sustained", None, "good")
            if not probe.sustained:
                verdict = Cell("; ".join(probe.reasons), None, "bad")
            if not probe.is_valid:
                verdict = Cell("INVALID: " + "; ".join(probe.reasons), None, "note")
            rows.append(
                [
                    target.name,
                    Cell(number(probe.sessions_per_s), probe.sessions_per_s),
                    _number(probe.offered_orders_per_s),
                    _number(probe.goodput_orders_per_s),
                    _time(probe.order_p50_ms),
                    _time(probe.order_quantile_ms),
                    _number(probe.backlog_first),
                    _number(probe.backlog_last),
                    verdict,
                ]
            )
    return table(header, rows) if rows else ""


def fates_table(result: RunResult) -> str:
    """Every trial that was run, and why a rejected one was."""
    header = ["target", "trial", "load", "repetition", "seed", "measurement", "checks"]
    rows: list[list[Cell | str]] = []
    for target in result.measured:
        for trial in target.trials:
            bad = [gate.sentence for gate in trial.gates if not gate.holds]
            failed = [check.name for check in trial.checks if check.passed is False]
            rows.append(
                [
                    target.name,
                    Cell(str(trial.number), float(trial.number)),
                    trial.load_name,
                    Cell(str(trial.repetition), float(trial.repetition)),
                    str(trial.seed),
                    Cell("INVALID: " + "; ".join(bad), None, "bad")
                    if bad
                    else Cell("valid", None, "good"),
                    Cell("FAILED: " + "; ".join(failed), None, "bad")
                    if failed
                    else Cell("pass", None, "good"),
                ]
            )
    return table(header, rows) if rows else ""


def _number(value: float) -> Cell:
    return Cell(number(value), value)


def _time(value_ms: float | None) -> Cell:
    return Cell(milliseconds(value_ms), -1.0 if value_ms is None else value_ms)
