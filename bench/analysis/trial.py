"""All results of one trial, computed from its raw samples and from nothing else."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.analysis.blocks import Blocks, blocks_of
from bench.analysis.cost import Cost, baseline_cost
from bench.analysis.fault import FaultCourse, fault_courses
from bench.analysis.read import RawTrial
from bench.analysis.validity import Gate, gates
from bench.checks.orders import Check, OrderVerdict, check_orders, run_checks
from bench.history.record import Record
from bench.load.clock import NS_PER_S
from bench.scenario.model import Scenario
from bench.scenario.variant import DECLARED
from bench.stats.latency import LatencyHistogram, LatencySummary, summarize

JOURNEY = "a buyer's whole visit"


@dataclass(frozen=True, slots=True)
class OperationResult:
    """One operation in the baseline. Latency counts from the intended start and holds
    every operation, those that were never served at their full time included."""

    operation: str
    count: int
    ok: int
    failed: int
    unknown: int
    retried: int
    latency: LatencySummary
    service: LatencySummary
    accepted: LatencySummary | None
    distribution: LatencyHistogram


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What one trial says."""

    number: int
    seed: int
    load_name: str
    repetition: int
    gates: list[Gate]
    sessions: int
    offered_orders_per_s: float
    goodput_orders_per_s: float
    operations: dict[str, OperationResult]
    journey: OperationResult
    shopper_success_share: float
    cost: Cost | None
    faults: list[FaultCourse]
    orders: OrderVerdict
    checks: list[Check]
    goodput_per_second: list[tuple[int, int]]
    order_points: list[tuple[float, float, str]]
    load_s: float
    requests_per_s_max: float
    blocks: Blocks | None
    facts: dict[str, Any]

    @property
    def is_valid(self) -> bool:
        """True if every gate of the measurement holds."""
        return all(gate.holds for gate in self.gates)

    @property
    def passes(self) -> bool:
        """True if no check failed; an audit that could not be made is a failed one."""
        return all(c.passed is not False for c in self.checks)


def analyse_trial(raw: RawTrial, scenario: Scenario, number: int) -> TrialResult:
    """Compute one trial's results; `scenario` is the trial's own."""
    phases = scenario.phases
    baseline = in_phase(raw.records, scenario, "baseline")
    orders = [r for r in baseline if r.operation == "place_order"]
    start_ns = int(phases.warmup_s * NS_PER_S)
    end_ns = start_ns + int(phases.baseline_s * NS_PER_S)
    final_in = sum(_is_final_between(r, start_ns, end_ns) for r in raw.records)
    if raw.audit is None:
        verdict, checks = check_orders(raw.records, ()), _no_audit(raw)
    else:
        verdict, checks = run_checks(raw.records, raw.audit)
    return TrialResult(
        number=number,
        seed=raw.facts["seed"],
        load_name=str(raw.facts.get("load_name", DECLARED.name)),
        repetition=int(raw.facts.get("repetition", 1)),
        gates=gates(raw, baseline, phases, scenario.validity),
        sessions=raw.facts["load"]["sessions"],
        offered_orders_per_s=len(orders) / phases.baseline_s,
        goodput_orders_per_s=final_in / phases.baseline_s,
        operations={
            name: _operation(name, [r for r in baseline if r.operation == name])
            for name in scenario.operations
        },
        journey=_journey(raw.records, baseline),
        shopper_success_share=_share_ok(raw.records),
        cost=baseline_cost(raw),
        faults=fault_courses(raw, scenario, baseline),
        orders=verdict,
        checks=checks,
        goodput_per_second=_per_second(raw.records, scenario),
        order_points=[
            (r.intended_ns / 1e9, r.latency_ns / 1e6, r.outcome)
            for r in raw.records
            if r.operation == "place_order"
        ],
        load_s=phases.load_s,
        requests_per_s_max=_busiest_second(raw.records),
        blocks=blocks_of(raw.observations, phases.load_s),
        facts=raw.facts,
    )


def in_phase(records: Sequence[Record], scenario: Scenario, phase: str) -> list[Record]:
    """Operations that should have begun in the phase."""
    return [
        record
        for record in records
        if scenario.phases.of(record.intended_ns / NS_PER_S) == phase
    ]


def _operation(name: str, records: Sequence[Record]) -> OperationResult:
    accepted = [
        record.accepted_ns - record.intended_ns
        for record in records
        if record.accepted_ns is not None
    ]
    distribution = LatencyHistogram.of(r.latency_ns for r in records)
    return OperationResult(
        operation=name,
        count=len(records),
        ok=sum(record.outcome == "ok" for record in records),
        failed=sum(record.outcome == "failed" for record in records),
        unknown=sum(record.outcome == "unknown" for record in records),
        retried=sum(len(record.attempts) > 1 for record in records),
        latency=summarize(distribution),
        service=summarize(LatencyHistogram.of(r.service_ns for r in records)),
        accepted=summarize(LatencyHistogram.of(accepted)) if accepted else None,
        distribution=distribution,
    )


def _journey(records: Sequence[Record], baseline: Sequence[Record]) -> OperationResult:
    """The whole visits of buyers who came in the baseline: all waits of a visit added
    up, without the time that the shopper took to think."""
    first = {record.session for record in baseline if record.step == 0}
    visits: dict[int, list[Record]] = {}
    for record in records:
        if record.session in first:
            visits.setdefault(record.session, []).append(record)
    bought = [
        visit
        for visit in visits.values()
        if any(record.operation == "place_order" for record in visit)
    ]
    waited = LatencyHistogram.of(sum(r.latency_ns for r in visit) for visit in bought)
    served = LatencyHistogram.of(sum(r.service_ns for r in visit) for visit in bought)
    worst = Counter(max(visit, key=lambda r: r.step).outcome for visit in bought)
    return OperationResult(
        operation=JOURNEY,
        count=len(bought),
        ok=worst["ok"],
        failed=worst["failed"],
        unknown=worst["unknown"],
        retried=sum(any(len(r.attempts) > 1 for r in visit) for visit in bought),
        latency=summarize(waited),
        service=summarize(served),
        accepted=None,
        distribution=waited,
    )


def _is_final_between(record: Record, start_ns: int, end_ns: int) -> bool:
    return (
        record.operation == "place_order"
        and record.outcome == "ok"
        and start_ns <= record.final_ns < end_ns
    )


def _per_second(records: Sequence[Record], scenario: Scenario) -> list[tuple[int, int]]:
    """(second, orders that became final in it) through the load."""
    counts = [0] * (int(scenario.phases.load_s) + 1)
    for record in records:
        if record.operation == "place_order" and record.outcome == "ok":
            second = record.final_ns // NS_PER_S
            if 0 <= second < len(counts):
                counts[second] += 1
    return list(enumerate(counts))


def _busiest_second(records: Sequence[Record]) -> float:
    """Requests begun in the second that saw the most of them."""
    seconds = Counter(
        attempt.sent_ns // NS_PER_S for record in records for attempt in record.attempts
    )
    return float(max(seconds.values(), default=0))


def _share_ok(records: Sequence[Record]) -> float:
    return sum(r.outcome == "ok" for r in records) / len(records) if records else 0.0


def _no_audit(raw: RawTrial) -> list[Check]:
    """Nothing could be read back: that is a failed check, not a missing one."""
    reason = str(raw.facts.get("audit_error") or "no audit was kept")
    return [Check("orders read back", False, reason)]
