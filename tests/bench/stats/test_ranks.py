"""Rank intervals: the confidence they state is the one they have."""

from random import Random

import pytest

from bench.stats.ranks import coverage, distinguishes, median_interval, ratio_interval


def test_six_trials_from_smallest_to_largest_carry_96_9_percent() -> None:
    assert coverage(6, 1) == pytest.approx(0.96875)
    interval = median_interval([3, 1, 2, 6, 5, 4])
    assert interval is not None
    assert (interval.low, interval.median, interval.high) == (1, 3.5, 6)


def test_fewer_than_six_trials_carry_nothing() -> None:
    assert median_interval([1, 2, 3, 4, 5]) is None


def test_the_true_median_is_inside_as_often_as_is_said() -> None:
    random = Random(9)
    inside = 0
    for _ in range(2_000):
        interval = median_interval([random.expovariate(1.0) for _ in range(15)])
        assert interval is not None
        inside += interval.low <= 0.6931 <= interval.high
    assert inside / 2_000 > 0.94


def test_equal_targets_are_not_distinguished_and_unequal_ones_are() -> None:
    random = Random(2)
    same = [[random.gauss(100, 5) for _ in range(6)] for _ in range(2)]
    ratio = ratio_interval(*same)
    assert ratio is not None
    assert not distinguishes(ratio)
    twice = ratio_interval(same[0], [value * 2 for value in same[1]])
    assert twice is not None
    assert distinguishes(twice)
    assert twice.high < 1
