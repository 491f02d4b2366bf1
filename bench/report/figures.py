"""The figures of a run as plain data: what the page shows, for programs to read."""

from statistics import median
from typing import Any

from bench.analysis.fault import FaultCourse
from bench.analysis.knee import ProbeResult
from bench.analysis.run import RunResult, TargetResult
from bench.analysis.series import METRICS, Metric, interval_of, values_of
from bench.analysis.trial import OperationResult, TrialResult
from bench.report.series.sentences import Pair, pairs
from bench.report.words import quantile_name
from bench.stats.latency import LatencySummary


def figures_of(result: RunResult) -> dict[str, Any]:
    """All figures, by target and trial."""
    return {
        "run": result.manifest["run"],
        "scenario": result.scenario.name,
        "size": result.scenario.size,
        "seed": result.manifest["seed"],
        "valid": result.is_valid,
        "checks_pass": result.passes,
        "complete": result.is_complete,
        "left_out": result.manifest.get("left_out", []),
        "targets": [_target(result, target) for target in result.targets],
        "ratios": [_ratio(pair) for pair in pairs(result)],
    }


def _target(result: RunResult, target: TargetResult) -> dict[str, Any]:
    return {
        "name": target.name,
        "missing": target.missing,
        "start_s": target.start_s,
        "knee_sessions_per_s": target.knee_sessions_per_s,
        "probes": [_probe(probe) for probe in target.probes],
        "medians": {
            load: {metric.name: _median(target, load, metric) for metric in METRICS}
            for load in result.load_names
        },
        "trials": [_trial(trial) for trial in target.trials],
    }


def _probe(probe: ProbeResult) -> dict[str, Any]:
    return {
        "sessions_per_s": probe.sessions_per_s,
        "offered_orders_per_s": probe.offered_orders_per_s,
        "goodput_orders_per_s": probe.goodput_orders_per_s,
        "order_quantile_ms": probe.order_quantile_ms,
        "sustained": probe.sustained,
        "valid": probe.is_valid,
        "reasons": probe.reasons,
    }


def _median(target: TargetResult, load: str, metric: Metric) -> dict[str, Any]:
    values = values_of(target.at(load), metric)
    found = interval_of(target.at(load), metric)
    return {
        "values": values,
        "median": median(values) if values else None,
        "interval": None if found is None else [found.low, found.high],
        "confidence": None if found is None else found.confidence,
    }


def _ratio(pair: Pair) -> dict[str, Any]:
    inside = pair.verdict.interval
    return {
        "load": pair.load,
        "metric": pair.metric.name,
        "of": pair.left.name,
        "to": pair.right.name,
        "ratio": pair.verdict.point,
        "interval": None if inside is None else [inside.low, inside.high],
        "finding": pair.verdict.finding.value,
    }


def _trial(trial: TrialResult) -> dict[str, Any]:
    orders = trial.orders
    return {
        "trial": trial.number,
        "load": trial.load_name,
        "repetition": trial.repetition,
        "seed": trial.seed,
        "valid": trial.is_valid,
        "gates": {
            gate.name: {"found": gate.found, "allowed": gate.allowed, "unit": gate.unit}
            for gate in trial.gates
        },
        "offered_orders_per_s": trial.offered_orders_per_s,
        "goodput_orders_per_s": trial.goodput_orders_per_s,
        "shopper_success_share": trial.shopper_success_share,
        "operations": {
            name: _operation(operation) for name, operation in trial.operations.items()
        },
        "journey": _operation(trial.journey),
        "orders": {
            "acknowledged": orders.acknowledged,
            "there": orders.there,
            "lost": len(orders.lost),
            "duplicated": len(orders.duplicated),
            "unexpected": len(orders.unexpected),
            "altered": len(orders.altered),
            "recovered": len(orders.recovered),
            "unknown": len(orders.unknown),
        },
        "checks": {
            check.name: {"passed": check.passed, "detail": check.detail}
            for check in trial.checks
        },
        "cost": _cost(trial),
        "blocks": _blocks(trial),
        "faults": [_fault(course) for course in trial.faults],
        "provisioning": trial.facts.get("provisioning", {}),
    }


def _operation(operation: OperationResult) -> dict[str, Any]:
    return {
        "count": operation.count,
        "ok": operation.ok,
        "failed": operation.failed,
        "unknown": operation.unknown,
        "retried": operation.retried,
        "latency_ms": _latency(operation.latency),
        "service_ms": _latency(operation.service),
        "accepted_ms": None
        if operation.accepted is None
        else _latency(operation.accepted),
    }


def _latency(summary: LatencySummary) -> dict[str, float | None]:
    named = {quantile_name(q): value for q, value in summary.quantiles_ms.items()}
    return {**named, "max": summary.max_ms, "mean": summary.mean_ms}


def _cost(trial: TrialResult) -> dict[str, Any] | None:
    cost = trial.cost
    if cost is None:
        return None
    return {
        "orders": cost.orders,
        "seconds": cost.seconds,
        "cpu_ms_per_order": cost.cpu_ms_per_order,
        "written_bytes_per_order": cost.written_bytes_per_order,
        "components": {
            component.name: {
                "cpu_s": component.cpu_s,
                "written_bytes": component.written_bytes,
                "rss_bytes": component.rss_bytes,
            }
            for component in cost.components
        },
    }


def _blocks(trial: TrialResult) -> dict[str, Any] | None:
    blocks = trial.blocks
    if blocks is None:
        return None
    return {
        "count": len(blocks.final_s),
        "median_interval_s": blocks.median_interval_s,
        "longest_gap_s": blocks.longest_gap_s,
        "longest_gap_from_s": blocks.longest_gap_from_s,
        "transactions": blocks.transactions,
        "largest": blocks.largest,
        "signed_anew": blocks.signed_anew,
    }


def _fault(course: FaultCourse) -> dict[str, Any]:
    recovery = course.recovery
    return {
        "fault": course.kind,
        "component": course.component,
        "role": course.role,
        "not_run": course.not_run,
        "asked_s": course.asked_s,
        "dead_s": course.dead_s,
        "running_s": course.running_s,
        "last_failure_s": course.last_failure_s,
        "requests_failed": course.requests_failed,
        "operations_unserved": course.operations_unserved,
        "worst_second_share": course.worst_second_share,
        "worst_10_s_share": course.worst_10_s_share,
        "worst_60_s_share": course.worst_60_s_share,
        "shoppers": course.shoppers,
        "shoppers_served": course.shoppers_served,
        "slowest_order_ms": course.slowest_order_ms,
        "availability_rto_s": None if recovery is None else recovery.availability_rto_s,
        "performance_rto_s": None if recovery is None else recovery.performance_rto_s,
        "resolution_s": None if recovery is None else recovery.resolution_s,
    }
