"""Intervals for medians from ranks: no assumption on the distribution of trials.

For n trials the interval from the k-th smallest to the k-th largest covers the median
with a probability that binomial sums give exactly; with six trials, smallest to largest
covers it with 96.9 %. A ratio whose interval contains 1 is "not distinguished".

Source: H. A. David, H. N. Nagaraja, Order Statistics, 3rd ed., section 7.1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from statistics import median

CONFIDENCE = 0.95
TRIALS_MIN = 6  # fewer cannot reach 95 % even from smallest to largest


@dataclass(frozen=True, slots=True)
class Interval:
    """A median with its interval, and the confidence that the ranks really give."""

    median: float
    low: float
    high: float
    confidence: float


def median_interval(values: Sequence[float]) -> Interval | None:
    """The narrowest symmetric rank interval of at least 95 %; None for under six."""
    count = len(values)
    if count < TRIALS_MIN:
        return None
    ordered = sorted(values)
    best = 1
    for rank in range(1, count // 2 + 1):
        if coverage(count, rank) >= CONFIDENCE:
            best = rank
    return Interval(
        median(ordered), ordered[best - 1], ordered[count - best], coverage(count, best)
    )


def coverage(count: int, rank: int) -> float:
    """Probability that the median lies between the rank-th smallest and largest."""
    outside = sum(comb(count, below) for below in range(rank))
    return 1.0 - 2.0 * outside / float(2**count)


def ratio_interval(left: Sequence[float], right: Sequence[float]) -> Interval | None:
    """An interval for median(left) / median(right), from the two medians' intervals.

    Both must hold, so its confidence is the Bonferroni bound of the two: conservative,
    and said as such.
    """
    one, other = median_interval(left), median_interval(right)
    if one is None or other is None or other.low <= 0:
        return None
    return Interval(
        one.median / other.median,
        one.low / other.high,
        one.high / other.low,
        1.0 - (1.0 - one.confidence) - (1.0 - other.confidence),
    )


def distinguishes(ratio: Interval) -> bool:
    """True if the interval of a ratio leaves out 1."""
    return ratio.low > 1.0 or ratio.high < 1.0
