"""Windows and recovery times on planted outages."""

import pytest

from bench.stats.windows import (
    Sample,
    cut_windows,
    rank_quantile_ms,
    recovery,
    window_width_s,
    worst_share,
)

RATE = 200
MS = 1_000_000


def steady(until_s: float, bad: tuple[float, float] = (0, 0)) -> list[Sample]:
    """Requests at a fixed rate of 10 ms each; those sent within `bad` fail."""
    moments = [index / RATE for index in range(int(until_s * RATE))]
    return [
        Sample(int(at_s * 1e9), not bad[0] <= at_s < bad[1], 10 * MS)
        for at_s in moments
    ]


def test_a_window_holds_a_second_or_a_hundred_requests() -> None:
    assert window_width_s(1000.0) == 1.0
    assert window_width_s(20.0) == 5.0
    assert window_width_s(0.0) == 1.0


@pytest.mark.parametrize("outage_s", [0.4, 2.0, 4.7])
def test_recovery_is_found_within_one_window(outage_s: float) -> None:
    samples = steady(40, bad=(10, 10 + outage_s))
    found = recovery(cut_windows(samples, 10, 40, 1.0), 10, baseline_p99_ms=10)
    assert found.availability_rto_s is not None
    assert 0 <= found.availability_rto_s - outage_s < 1.0
    assert found.performance_rto_s == found.availability_rto_s


def test_no_outage_recovers_at_once() -> None:
    windows = cut_windows(steady(30), 10, 30, 1.0)
    assert recovery(windows, 10, 10).availability_rto_s == 0


def test_an_outage_until_the_end_has_no_recovery_time() -> None:
    windows = cut_windows(steady(30, bad=(10, 27)), 10, 30, 1.0)
    assert recovery(windows, 10, 10).availability_rto_s is None


def test_four_good_windows_are_not_yet_recovery() -> None:
    samples = [
        Sample(s.at_ns, s.ok and not 15 <= s.at_ns / 1e9 < 15.5, s.latency_ns)
        for s in steady(30, bad=(10, 11))
    ]
    windows = cut_windows(samples, 10, 30, 1.0)
    assert recovery(windows, 10, 10).availability_rto_s == 6.0


def test_service_that_is_back_but_slow_has_not_recovered_its_performance() -> None:
    samples = [
        Sample(s.at_ns, s.ok, 25 * MS if 10 <= s.at_ns / 1e9 < 13 else s.latency_ns)
        for s in steady(30)
    ]
    found = recovery(cut_windows(samples, 10, 30, 1.0), 10, baseline_p99_ms=10)
    assert (found.availability_rto_s, found.performance_rto_s) == (0, 3)


def test_a_window_without_requests_proves_nothing() -> None:
    samples = [s for s in steady(30) if not 10 <= s.at_ns / 1e9 < 12]
    windows = cut_windows(samples, 10, 30, 1.0)
    assert recovery(windows, 10, 10).availability_rto_s == 2.0


def test_the_worst_window_is_found() -> None:
    assert worst_share(steady(20, bad=(5.0, 5.25)), 1.0) == 0.75
    assert worst_share([], 1.0) is None


def test_a_rank_quantile_is_a_value_of_the_sample() -> None:
    assert rank_quantile_ms([5 * MS, 1 * MS, 9 * MS], 0.5) == 5
    assert rank_quantile_ms([5 * MS, 1 * MS, 9 * MS], 0.99) == 9
    assert rank_quantile_ms([], 0.5) is None
