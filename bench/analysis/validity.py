"""Is the trial a measurement of the target, or of the generator and its machine?

Gates of bench.md: generator lag p99 within max(5 ms, 10 % of the reported p99), its CPU
within 80 % of a core, at most 0.1 % of arrivals dropped. Outside any of them the trial
is INVALID and says why; its figures are then published but not compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.analysis.read import RawTrial
from bench.history.record import Record
from bench.scenario.model import Phases, Validity
from bench.stats.windows import rank_quantile_ms
from bench.workload.shards import shard_of


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate: what was found, what is allowed, and whether it holds."""

    name: str
    found: float
    allowed: float
    unit: str

    @property
    def holds(self) -> bool:
        """True if the value found is allowed."""
        return self.found <= self.allowed

    @property
    def sentence(self) -> str:
        """The gate in words."""
        relation = "within" if self.holds else "ABOVE"
        return (
            f"{self.name} {self.found:.3g} {self.unit}, {relation} the allowed "
            f"{self.allowed:.3g} {self.unit}"
        )


def gates(
    raw: RawTrial, measured: Sequence[Record], phases: Phases, limits: Validity
) -> list[Gate]:
    """All gates over the measured part of a trial (after warm-up, before the fault).

    The lag is judged by both its signs: how late operations began, and how late a task
    that only sleeps was woken. The larger one counts. Where several generators made the
    load each is judged by itself, and the worst counts.
    """
    by_operation: dict[str, list[int]] = {}
    for record in measured:
        by_operation.setdefault(record.operation, []).append(record.latency_ns)
    reported_p99_ms = min(
        (rank_quantile_ms(values, 0.99) or 0.0 for values in by_operation.values()),
        default=0.0,
    )
    seconds = [line for line in raw.lag if _is_baseline(line["second"], phases)]
    generators = raw.facts.get("generators")
    loads = [one["load"] for one in generators or [raw.facts]]
    count = len(loads)
    lag_ms = max(_lag_p99_ms(measured, seconds, own, count) for own in range(count))
    cpu_share = max((line["generator_cpu_ms"] / 1000 for line in seconds), default=0.0)
    return [
        Gate(
            "generator lag p99",
            lag_ms,
            max(limits.lag_p99_ms, limits.lag_share_of_p99 * reported_p99_ms),
            "ms",
        ),
        Gate("generator CPU", cpu_share, limits.generator_cpu_share, "of a core"),
        Gate(
            "dropped arrivals",
            max(_dropped_share(load) for load in loads),
            limits.dropped_share,
            "of all",
        ),
    ]


def _lag_p99_ms(
    measured: Sequence[Record], seconds: list[dict[str, Any]], own: int, count: int
) -> float:
    """One generator's lag by both its signs."""
    mine = [r.lag_ns for r in measured if shard_of(r.customer, count) == own]
    woken_us = [
        lag
        for line in seconds
        if line.get("generator", 0) == own
        for lag in line["lags_us"]
    ]
    return max(
        rank_quantile_ms(mine, 0.99) or 0.0,
        rank_quantile_ms([lag * 1000 for lag in woken_us], 0.99) or 0.0,
    )


def _dropped_share(load: dict[str, Any]) -> float:
    arrivals = load["sessions"] + load["dropped"]
    return load["dropped"] / arrivals if arrivals else 0.0


def _is_baseline(second: int, phases: Phases) -> bool:
    end_s = phases.warmup_s + phases.baseline_s
    return phases.warmup_s <= second and second + 1 <= end_s
