"""Latency distributions as HdrHistograms, and which percentile a sample can carry.

Three significant digits from a microsecond to an hour. Histograms are merged losslessly
and percentiles are taken once, at the end: an average of percentiles means nothing.
A percentile q needs 10/(1-q) samples; with fewer, this module gives none rather than a
figure that one slow request decides.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from hdrh.histogram import HdrHistogram

LOWEST_US = 1
HIGHEST_US = 3_600_000_000
SIGNIFICANT_DIGITS = 3
SAMPLES_BEYOND = 10  # samples that must lie beyond a percentile
QUANTILES = (0.5, 0.9, 0.95, 0.99, 0.999)


class LatencyHistogram:
    """A distribution of latencies; values go in as nanoseconds."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(LOWEST_US, HIGHEST_US, SIGNIFICANT_DIGITS)

    @classmethod
    def of(cls, latencies_ns: Iterable[int]) -> "LatencyHistogram":
        """A histogram of the given latencies."""
        histogram = cls()
        for latency_ns in latencies_ns:
            histogram.record(latency_ns)
        return histogram

    def record(self, latency_ns: int) -> None:
        """Add one latency; beyond an hour it counts as an hour."""
        value_us = min(max(latency_ns // 1000, LOWEST_US), HIGHEST_US)
        self._histogram.record_value(value_us)

    def merge(self, other: "LatencyHistogram") -> None:
        """Add another distribution to this one, without loss."""
        self._histogram.add(other._histogram)

    @property
    def count(self) -> int:
        """Samples recorded."""
        return int(self._histogram.get_total_count())

    def quantile_ms(self, quantile: float) -> float | None:
        """The latency in ms that the share `quantile` stays within; None if the
        sample is too small to carry it."""
        if self.count < samples_needed(quantile):
            return None
        return self._at_rank(quantile) / 1000

    def _at_rank(self, quantile: float) -> float:
        """The smallest value (in us) that at least the share `quantile` stays within.
        The library rounds ranks; asked for a rank's own share it cannot."""
        rank = math.ceil(round(quantile * self.count, 6))
        share = 100.0 * rank / self.count
        return float(self._histogram.get_value_at_percentile(share))

    def max_ms(self) -> float:
        """The largest latency in ms."""
        return float(self._histogram.get_max_value()) / 1000

    def mean_ms(self) -> float:
        """The mean in ms (for cost arithmetic, never as "the latency")."""
        return float(self._histogram.get_mean_value()) / 1000

    def curve(self) -> list[tuple[float, float]]:
        """(quantile, latency in ms) as far as the sample carries, for a nines axis."""
        points = []
        quantile, step = 0.1, 0.1
        while quantile < 1 - 1e-9 and self.count >= samples_needed(quantile):
            points.append((round(quantile, 9), self._at_rank(quantile) / 1000))
            if (1 - quantile) < step * 1.5:
                step /= 10
            quantile = round(quantile + step, 9)
        return points


def samples_needed(quantile: float) -> int:
    """Samples that a quantile needs: ten beyond it."""
    return round(SAMPLES_BEYOND / (1 - quantile))


@dataclass(frozen=True, slots=True)
class LatencySummary:
    """What a report may say of one distribution; None where the sample is too small."""

    count: int
    quantiles_ms: dict[float, float | None]
    max_ms: float
    mean_ms: float
    curve: list[tuple[float, float]]


def summarize(histogram: LatencyHistogram) -> LatencySummary:
    """Every figure of a distribution that its size carries."""
    return LatencySummary(
        histogram.count,
        {quantile: histogram.quantile_ms(quantile) for quantile in QUANTILES},
        histogram.max_ms(),
        histogram.mean_ms(),
        histogram.curve(),
    )
