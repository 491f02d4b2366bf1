"""What two series of trials allow one to say about their ratio, and no more.

Five verdicts: the ratio's interval lies inside the margin that was set beforehand
(equivalent); it contains 1 (not distinguished); it lies above or below 1; or there are
too few trials for an interval at all (uncarried: the point may be shown, not claimed).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from bench.stats.ranks import Interval, distinguishes, ratio_interval


class Finding(StrEnum):
    """What may be said of a ratio."""

    EQUIVALENT = "equivalent"
    UNDISTINGUISHED = "not distinguished"
    HIGHER = "higher"
    LOWER = "lower"
    UNCARRIED = "no interval"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The ratio of two medians. `interval` is None if the trials carry none; `point`
    is None if a side is empty or the right side is not above 0."""

    finding: Finding
    point: float | None
    interval: Interval | None

    @property
    def is_claim(self) -> bool:
        """True if a difference may be claimed."""
        return self.finding in (Finding.HIGHER, Finding.LOWER)


def compare(left: Sequence[float], right: Sequence[float], margin: float) -> Verdict:
    """Judge median(left) / median(right); `margin` is the ratio (1 or more) within
    which two figures are called equivalent."""
    point = None
    if left and right and median(right) > 0:
        point = median(left) / median(right)
    interval = ratio_interval(left, right)
    if interval is None:
        return Verdict(Finding.UNCARRIED, point, None)
    if 1 / margin <= interval.low and interval.high <= margin:
        return Verdict(Finding.EQUIVALENT, point, interval)
    if not distinguishes(interval):
        return Verdict(Finding.UNDISTINGUISHED, point, interval)
    above = interval.low > 1
    return Verdict(Finding.HIGHER if above else Finding.LOWER, point, interval)
