"""A run as a gate: each condition by name, and one exit code for all of them.

Conditions: every target was measured validly at every load; every check passed; the
scenario's objective was met before any fault, at the loads that are the same for all
targets or as declared (a share of the knee is loaded to its limit on purpose); and,
against an earlier run, no primary figure is worse beyond what its interval allows.
"""

from dataclasses import dataclass

from bench.analysis.run import RunResult, TargetResult
from bench.analysis.trial import TrialResult
from bench.errors import BenchError, Exit
from bench.report.words import milliseconds, percent
from bench.scenario.variant import loads_of
from bench.verbs.difference import differences


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition; `failure` is the exit code if it does not hold."""

    name: str
    holds: bool
    detail: str
    failure: Exit


def conditions_of(result: RunResult, earlier: RunResult | None) -> list[Condition]:
    """Every condition of the gate."""
    found = []
    for target in result.targets:
        found += [_measured(result, target), _checked(target)]
        found += _objectives(result, target)
    if earlier is not None:
        found += _no_worse(result, earlier)
    return found


def exit_code_of(conditions: list[Condition]) -> Exit:
    """0 if all hold; a failed check outweighs a measurement that is none."""
    failures = {c.failure for c in conditions if not c.holds}
    if Exit.CHECK_FAILED in failures:
        return Exit.CHECK_FAILED
    return Exit.INVALID_MEASUREMENT if failures else Exit.OK


def _measured(result: RunResult, target: TargetResult) -> Condition:
    lacking = [name for name in result.load_names if not target.at(name)]
    detail = "a valid trial at every load"
    if target.missing is not None:
        detail = target.missing
    elif lacking:
        detail = f"no valid trial at: {', '.join(lacking)}"
    name = f"{target.name} measured"
    return Condition(name, not lacking, detail, Exit.INVALID_MEASUREMENT)


def _checked(target: TargetResult) -> Condition:
    failed = [
        f"{check.name} ({check.detail})"
        for trial in target.trials
        for check in trial.checks
        if check.passed is False
    ]
    detail = "; ".join(failed) or f"every check of {len(target.trials)} trial(s) passed"
    return Condition(f"{target.name} checks", not failed, detail, Exit.CHECK_FAILED)


def _objectives(result: RunResult, target: TargetResult) -> list[Condition]:
    return [
        _objective(result, target.name, trial)
        for load in loads_of(result.scenario)
        if load.of_knee is None
        for trial in target.at(load.name)
    ]


def _objective(result: RunResult, name: str, trial: TrialResult) -> Condition:
    objective = result.scenario.objective
    orders = trial.operations["place_order"]
    share = orders.ok / orders.count if orders.count else 0.0
    waited = orders.distribution.quantile_ms(objective.order_quantile)
    quantile = f"p{objective.order_quantile * 100:g}"
    told = f"{quantile} {milliseconds(waited)}"
    within = waited is not None and waited <= objective.order_latency_ms
    if waited is None:
        # Too few orders for the percentile: then all of them must have been in time.
        within = orders.latency.max_ms <= objective.order_latency_ms
        told = f"slowest {milliseconds(orders.latency.max_ms)}"
    return Condition(
        f"{name} objective, trial {trial.number}",
        share >= objective.success_share and within,
        f"{percent(share)} of {orders.count} orders acknowledged, {told}; asked: "
        f"{percent(objective.success_share)}, {quantile} within "
        f"{milliseconds(objective.order_latency_ms)}",
        Exit.CHECK_FAILED,
    )


def _no_worse(result: RunResult, earlier: RunResult) -> list[Condition]:
    if result.scenario.source != earlier.scenario.source:
        raise BenchError(
            "the two runs are of different scenarios: their figures answer different "
            "questions; compare them with: chandlery bench diff"
        )
    return [
        Condition(
            f"{d.target} no worse: {d.metric.name}, {d.load} load",
            not d.is_worse,
            d.sentence,
            Exit.CHECK_FAILED,
        )
        for d in differences(earlier, result)
    ]
