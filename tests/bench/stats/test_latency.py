"""Histograms: exact enough, merged without loss, silent where the sample is small."""

from random import Random

import pytest

from bench.stats.latency import LatencyHistogram, samples_needed, summarize


def test_percentiles_are_those_of_the_sorted_sample() -> None:
    random = Random(4)
    values = [int(random.lognormvariate(16, 1)) for _ in range(20_000)]
    histogram = LatencyHistogram.of(values)
    ordered = sorted(values)
    for quantile in (0.5, 0.9, 0.99, 0.999):
        exact_ms = ordered[int(quantile * len(ordered)) - 1] / 1e6
        assert histogram.quantile_ms(quantile) == pytest.approx(exact_ms, rel=0.002)


def test_a_percentile_is_the_first_value_that_enough_samples_stay_within() -> None:
    # 0.95 of 212 is 201.4: 201 samples are too few, the 202nd is the percentile.
    histogram = LatencyHistogram.of([n * 1_000_000 for n in range(1, 213)])
    assert histogram.quantile_ms(0.95) == pytest.approx(202, rel=0.001)
    assert histogram.quantile_ms(0.5) == pytest.approx(106, rel=0.001)


def test_a_percentile_needs_ten_samples_beyond_it() -> None:
    assert [samples_needed(q) for q in (0.5, 0.9, 0.99)] == [20, 100, 1000]
    small = summarize(LatencyHistogram.of([1_000_000] * 999))
    assert small.quantiles_ms[0.95] is not None
    assert small.quantiles_ms[0.99] is None
    enough = summarize(LatencyHistogram.of([1_000_000] * 1000))
    assert enough.quantiles_ms[0.99] == pytest.approx(1.0, rel=0.001)


def test_a_curve_ends_where_the_sample_ends() -> None:
    curve = summarize(LatencyHistogram.of(range(1_000_000, 2_000_000, 1_000))).curve
    assert curve[0][0] == 0.1
    assert curve[-1][0] == 0.99
    assert [ms for _, ms in curve] == sorted(ms for _, ms in curve)


def test_merging_equals_recording_together() -> None:
    one, two = range(1_000_000, 9_000_000, 7_000), range(2_000_000, 60_000_000, 9_000)
    merged = LatencyHistogram.of(one)
    merged.merge(LatencyHistogram.of(two))
    together = LatencyHistogram.of([*one, *two])
    assert summarize(merged) == summarize(together)


def test_nothing_recorded_says_nothing() -> None:
    empty = summarize(LatencyHistogram())
    assert set(empty.quantiles_ms.values()) == {None}
    assert empty.curve == []
