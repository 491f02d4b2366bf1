"""Windows of time around a fault, and how long until service was good again.

A window is max(1 s, 100 requests at the baseline's rate) wide and windows count from
the injection. Availability recovery: from the injection to the first of five
consecutive windows in which at least 99 % of the requests succeeded. Performance
recovery: the same with a p99 of at most twice the baseline's. A request belongs to the
window in which it was sent; a window without requests proves nothing and counts as
not good.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

NS_PER_S = 1_000_000_000
WINDOW_S_MIN = 1.0
REQUESTS_PER_WINDOW = 100
GOOD_WINDOWS = 5
GOOD_SHARE = 0.99
SLOWDOWN_MAX = 2.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One request or operation: when it began, if it succeeded, how long it took."""

    at_ns: int
    ok: bool
    latency_ns: int


@dataclass(frozen=True, slots=True)
class Window:
    """What happened in one window; `p99_ms` is the ceiling-rank p99, None if empty."""

    start_s: float
    width_s: float
    count: int
    ok: int
    p99_ms: float | None

    @property
    def share_ok(self) -> float:
        """The share that succeeded; 0 if nothing was asked."""
        return self.ok / self.count if self.count else 0.0


@dataclass(frozen=True, slots=True)
class Recovery:
    """Seconds from the injection; None: not recovered while load was held.

    `resolution_s` is the width of a window: no finer statement is possible.
    """

    availability_rto_s: float | None
    performance_rto_s: float | None
    resolution_s: float
    windows: tuple[Window, ...]


def window_width_s(requests_per_s: float) -> float:
    """max(1 s, the time 100 requests take at the given rate)."""
    if requests_per_s <= 0:
        return WINDOW_S_MIN
    return max(WINDOW_S_MIN, REQUESTS_PER_WINDOW / requests_per_s)


def cut_windows(
    samples: Sequence[Sample], start_s: float, end_s: float, width_s: float
) -> tuple[Window, ...]:
    """Whole windows of the width from `start_s` on, none reaching past `end_s`."""
    count = max(0, math.floor((end_s - start_s) / width_s + 1e-9))
    buckets: list[list[Sample]] = [[] for _ in range(count)]
    for sample in samples:
        index = math.floor((sample.at_ns / NS_PER_S - start_s) / width_s)
        if 0 <= index < count:
            buckets[index].append(sample)
    return tuple(
        Window(
            start_s + index * width_s,
            width_s,
            len(bucket),
            sum(sample.ok for sample in bucket),
            rank_quantile_ms([sample.latency_ns for sample in bucket], 0.99),
        )
        for index, bucket in enumerate(buckets)
    )


def rank_quantile_ms(latencies_ns: Sequence[int], quantile: float) -> float | None:
    """The smallest latency (ms) that at least the share `quantile` stays within."""
    if not latencies_ns:
        return None
    ordered = sorted(latencies_ns)
    return ordered[math.ceil(round(quantile * len(ordered), 6)) - 1] / 1e6


def recovery(
    windows: Sequence[Window], injected_s: float, baseline_p99_ms: float | None
) -> Recovery:
    """Both recovery times from windows that start at the injection."""
    available = [window.share_ok >= GOOD_SHARE for window in windows]
    limit = None if baseline_p99_ms is None else SLOWDOWN_MAX * baseline_p99_ms
    fast = [
        good
        and limit is not None
        and window.p99_ms is not None
        and window.p99_ms <= limit
        for good, window in zip(available, windows, strict=True)
    ]
    return Recovery(
        _first_run(windows, available, injected_s),
        _first_run(windows, fast, injected_s),
        windows[0].width_s if windows else WINDOW_S_MIN,
        tuple(windows),
    )


def worst_share(samples: Sequence[Sample], width_s: float) -> float | None:
    """The lowest share of success in any window of the width (aligned to its own
    multiples); None without samples. Windows with under ten samples are passed over."""
    buckets: dict[int, list[int]] = {}
    for sample in samples:
        bucket = buckets.setdefault(int(sample.at_ns / NS_PER_S // width_s), [0, 0])
        bucket[0] += 1
        bucket[1] += sample.ok
    shares = [ok / count for count, ok in buckets.values() if count >= 10]
    return min(shares) if shares else None


def _first_run(
    windows: Sequence[Window], good: Sequence[bool], injected_s: float
) -> float | None:
    run = 0
    for index, is_good in enumerate(good):
        run = run + 1 if is_good else 0
        if run == GOOD_WINDOWS:
            return windows[index - GOOD_WINDOWS + 1].start_s - injected_s
    return None
