"""Was a rate sustained? Judged from the raw samples of one probe, by three rules.

Sustainable: at least the objective's share of the offered orders was acknowledged, the
objective's percentile of their latency is within it, and the backlog did not grow. The
first two can pass for a while on a target that is slowly drowning; the third cannot.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from bench.analysis.read import RawTrial
from bench.analysis.validity import Gate, gates
from bench.history.record import Record
from bench.load.clock import NS_PER_S
from bench.scenario.model import Scenario
from bench.scenario.variant import probe_scenario
from bench.stats.knee import Tried
from bench.stats.latency import LatencyHistogram

GOODPUT_SHARE = 0.999
TRIES_MAX = 3  # at one rate, while the generator may be to blame for a refusal
# Arrivals are by chance, so is a backlog: a rise counts beyond three times its spread.
SPREADS = 3.0
RISE_MIN = 3.0


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One probe. `reasons` is empty if the rate was sustained; backlogs are operations
    under way, averaged over the first and the last third of the measured seconds."""

    number: int
    sessions_per_s: float
    offered_orders_per_s: float
    goodput_orders_per_s: float
    order_p50_ms: float | None
    order_quantile_ms: float | None
    backlog_first: float
    backlog_last: float
    given_up_s: float | None
    gates: list[Gate]
    reasons: list[str]

    @property
    def sustained(self) -> bool:
        """True if every rule held."""
        return not self.reasons

    @property
    def is_valid(self) -> bool:
        """False if the generator may be to blame for a refusal. A rate that was
        sustained was sustained, however hard the generator had it."""
        return self.sustained or all(gate.holds for gate in self.gates)


def standing(probes: Sequence[ProbeResult]) -> list[Tried]:
    """The rates whose verdict stands: the probe was valid, or tried often enough."""
    rates = [probe.sessions_per_s for probe in probes]
    return [
        Tried(probe.sessions_per_s, probe.sustained)
        for probe in probes
        if probe.is_valid or rates.count(probe.sessions_per_s) >= TRIES_MAX
    ]


def judge_probe(raw: RawTrial, scenario: Scenario, number: int) -> ProbeResult:
    """Judge one probe of the knee."""
    rate = float(raw.facts["sessions_per_s"])
    probe = probe_scenario(scenario, rate)
    given_up_s = raw.facts.get("given_up_s")
    end_s = probe.phases.load_s if given_up_s is None else float(given_up_s)
    start_s = min(probe.phases.warmup_s, end_s)
    measured = [
        r for r in raw.records if start_s * NS_PER_S <= r.intended_ns < end_s * NS_PER_S
    ]
    orders = [r for r in measured if r.operation == "place_order"]
    good = sum(record.outcome == "ok" for record in orders)
    histogram = LatencyHistogram.of(record.latency_ns for record in orders)
    quantile_ms = histogram.quantile_ms(scenario.objective.order_quantile)
    first, last = backlog_ends(raw.records, start_s, end_s)
    seconds = max(end_s - start_s, 1e-9)
    return ProbeResult(
        number=number,
        sessions_per_s=rate,
        offered_orders_per_s=len(orders) / seconds,
        goodput_orders_per_s=good / seconds,
        order_p50_ms=histogram.quantile_ms(0.5),
        order_quantile_ms=quantile_ms,
        backlog_first=first,
        backlog_last=last,
        given_up_s=given_up_s,
        gates=gates(raw, measured, probe.phases, scenario.validity),
        reasons=_reasons(scenario, raw.facts, (len(orders), good), quantile_ms)
        + _growth(first, last),
    )


def _reasons(
    scenario: Scenario,
    facts: dict[str, Any],
    counts: tuple[int, int],
    quantile_ms: float | None,
) -> list[str]:
    offered, good = counts
    objective = scenario.objective
    name = f"p{objective.order_quantile * 100:g}"
    found = []
    if facts.get("given_up_s") is not None:
        found.append(
            f"given up after {facts['given_up_s']:.0f} s: too many orders beyond "
            f"{objective.order_latency_ms:g} ms for a {name} within it"
        )
    if offered == 0 or good < GOODPUT_SHARE * offered:
        found.append(f"{good} of {offered} offered orders were acknowledged")
    if quantile_ms is None and not found:
        found.append(f"{offered} orders are too few to carry a {name}")
    if quantile_ms is not None and quantile_ms > objective.order_latency_ms:
        found.append(
            f"{name} {quantile_ms:.0f} ms, beyond {objective.order_latency_ms:g} ms"
        )
    return found


def _growth(first: float, last: float) -> list[str]:
    allowed = max(RISE_MIN, SPREADS * math.sqrt(max(first, 0.0)))
    if last - first <= allowed:
        return []
    return [f"backlog grew from {first:.1f} to {last:.1f} operations under way"]


def backlog_ends(
    records: Sequence[Record], start_s: float, end_s: float
) -> tuple[float, float]:
    """Operations under way, averaged over the whole seconds of the first and of the
    last third of [start_s, end_s)."""
    seconds = list(range(math.ceil(start_s), math.floor(end_s) + 1))
    third = max(1, len(seconds) // 3)
    counts = [0] * len(seconds)
    for record in records:
        begun = max(math.ceil(record.intended_ns / NS_PER_S), math.ceil(start_s))
        for second in range(begun, math.ceil(record.final_ns / NS_PER_S)):
            index = second - math.ceil(start_s)
            if 0 <= index < len(counts):
                counts[index] += 1
    if not counts:
        return 0.0, 0.0
    return mean(counts[:third]), mean(counts[-third:])
