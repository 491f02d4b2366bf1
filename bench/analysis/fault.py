"""The course of each fault: what was hit, when it was seen, when it ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.analysis.read import RawTrial
from bench.history.record import Record
from bench.scenario.model import Scenario
from bench.stats.windows import (
    Recovery,
    Sample,
    cut_windows,
    rank_quantile_ms,
    recovery,
    window_width_s,
    worst_share,
)


@dataclass(frozen=True, slots=True)
class FaultCourse:
    """One fault. Moments are seconds since the start of the load, None if not seen.

    `not_run` tells why it was not injected; then nothing may be concluded from it.
    """

    kind: str
    component: str
    role: str
    asked_s: float | None
    dead_s: float | None
    running_s: float | None
    not_run: str | None
    recovery: Recovery | None
    requests_failed: int
    operations_unserved: int
    last_failure_s: float | None
    worst_second_share: float | None
    worst_10_s_share: float | None
    worst_60_s_share: float | None
    shoppers: int
    shoppers_served: int
    slowest_order_ms: float | None


def fault_courses(
    raw: RawTrial, scenario: Scenario, baseline: Sequence[Record]
) -> list[FaultCourse]:
    """The faults of a trial in the order of injection."""
    by_component: dict[str, list[dict[str, Any]]] = {}
    for event in raw.events:
        by_component.setdefault(event["component"], []).append(event)
    return [
        _course(raw, scenario, baseline, events) for events in by_component.values()
    ]


def _course(
    raw: RawTrial,
    scenario: Scenario,
    baseline: Sequence[Record],
    events: list[dict[str, Any]],
) -> FaultCourse:
    first: dict[str, dict[str, Any]] = {}
    for event in events:
        first.setdefault(event["event"], event)
    asked_s, dead_s, running_s = (
        first[name]["at_ns"] / 1e9 if name in first else None
        for name in ("asked", "dead", "running")
    )
    not_run = first["not_run"]["reason"] if "not_run" in first else None
    after = [] if asked_s is None else _after(raw.records, asked_s)
    requests = [s for s in samples_of(after) if s.at_ns >= (asked_s or 0) * 1e9]
    visits: dict[int, bool] = {}
    for record in after:
        served = record.outcome == "ok" and visits.get(record.session, True)
        visits[record.session] = served
    orders_ms = [r.latency_ns / 1e6 for r in after if r.operation == "place_order"]
    return FaultCourse(
        kind=events[0]["fault"],
        component=events[0]["component"],
        role=first.get("asked", {}).get("role", ""),
        asked_s=asked_s,
        dead_s=dead_s,
        running_s=running_s,
        not_run=not_run,
        recovery=_recovery(scenario, baseline, requests, asked_s),
        requests_failed=sum(not sample.ok for sample in requests),
        operations_unserved=sum(record.outcome != "ok" for record in after),
        last_failure_s=_last_failure(requests),
        worst_second_share=worst_share(requests, 1.0),
        worst_10_s_share=_worst(scenario, requests, asked_s, 10.0),
        worst_60_s_share=_worst(scenario, requests, asked_s, 60.0),
        shoppers=len(visits),
        shoppers_served=sum(visits.values()),
        slowest_order_ms=max(orders_ms, default=None),
    )


def _worst(
    scenario: Scenario,
    requests: Sequence[Sample],
    asked_s: float | None,
    width_s: float,
) -> float | None:
    """The worst window of a width; None if load was not held for as long as that."""
    held_s = 0.0 if asked_s is None else scenario.phases.load_s - asked_s
    return worst_share(requests, width_s) if held_s >= width_s else None


def _last_failure(requests: Sequence[Sample]) -> float | None:
    """When the last request that did not succeed had ended, in seconds."""
    ends = [(s.at_ns + s.latency_ns) / 1e9 for s in requests if not s.ok]
    return max(ends, default=None)


def _after(records: Sequence[Record], moment_s: float) -> list[Record]:
    """Operations that were not over when the fault came."""
    return [record for record in records if record.final_ns >= moment_s * 1e9]


def _recovery(
    scenario: Scenario,
    baseline: Sequence[Record],
    requests: Sequence[Sample],
    asked_s: float | None,
) -> Recovery | None:
    if asked_s is None:
        return None
    before = samples_of(baseline)
    width_s = window_width_s(len(before) / scenario.phases.baseline_s)
    windows = cut_windows(requests, asked_s, scenario.phases.load_s, width_s)
    usual_p99_ms = rank_quantile_ms([sample.latency_ns for sample in before], 0.99)
    return recovery(windows, asked_s, usual_p99_ms)


def samples_of(records: Sequence[Record]) -> list[Sample]:
    """Every request of the operations as a sample of its own."""
    return [
        Sample(
            attempt.sent_ns, attempt.outcome == "ok", attempt.ended_ns - attempt.sent_ns
        )
        for record in records
        for attempt in record.attempts
    ]
