"""One figure of one target at one load, through all its valid trials.

A figure per trial, never a pool of trials: trials are what varies from day to day, and
an interval speaks of that. What is pooled (histograms, for a curve) is merged without
loss and said to be pooled.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.analysis.trial import TrialResult
from bench.stats.latency import LatencyHistogram, LatencySummary, summarize
from bench.stats.ranks import Interval, median_interval

Figure = Callable[[TrialResult], float | None]


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure by name. `more_is_better` says which way is good; `words` how a
    sentence speaks of it."""

    name: str
    words: str
    unit: str
    more_is_better: bool
    figure: Figure


def _latency(operation: str, quantile: float) -> Figure:
    def figure(trial: TrialResult) -> float | None:
        found = trial.operations.get(operation)
        return None if found is None else found.latency.quantiles_ms[quantile]

    return figure


def _cpu(trial: TrialResult) -> float | None:
    return None if trial.cost is None else trial.cost.cpu_ms_per_order


METRICS = (
    Metric(
        "order_latency_ms_p50",
        "the median wait for an order",
        "ms",
        False,
        _latency("place_order", 0.5),
    ),
    Metric(
        "order_latency_ms_p95",
        "the p95 of the wait for an order",
        "ms",
        False,
        _latency("place_order", 0.95),
    ),
    Metric(
        "order_latency_ms_p99",
        "the p99 of the wait for an order",
        "ms",
        False,
        _latency("place_order", 0.99),
    ),
    Metric(
        "browse_latency_ms_p50",
        "the median wait for the catalogue",
        "ms",
        False,
        _latency("browse", 0.5),
    ),
    Metric("cpu_ms_per_order", "the CPU for an order", "ms", False, _cpu),
    Metric(
        "goodput_orders_per_s",
        "orders finished a second",
        "orders/s",
        True,
        lambda trial: trial.goodput_orders_per_s,
    ),
)
BY_NAME = {metric.name: metric for metric in METRICS}


def values_of(trials: Sequence[TrialResult], metric: Metric) -> list[float]:
    """The figure of each trial that carries it."""
    found = (metric.figure(trial) for trial in trials)
    return [value for value in found if value is not None]


def interval_of(trials: Sequence[TrialResult], metric: Metric) -> Interval | None:
    """The median with its rank interval; None for under six trials that carry it."""
    return median_interval(values_of(trials, metric))


def pooled(trials: Sequence[TrialResult], operation: str) -> LatencySummary:
    """All latencies of the trials as one distribution, merged without loss."""
    total = LatencyHistogram()
    for trial in trials:
        total.merge(trial.operations[operation].distribution)
    return summarize(total)
