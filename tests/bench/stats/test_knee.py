"""The search for the knee: it doubles, halves the gap, and never interpolates."""

import pytest

from bench.scenario.model import KneeSearch
from bench.stats.knee import Tried, knee_of, next_rate

SEARCH = KneeSearch(10.0, 640.0, 1.25, 1.0, 30.0, 20)


def search(limit: float, rule: KneeSearch = SEARCH) -> list[Tried]:
    """Every rate tried on a target that sustains exactly up to `limit`."""
    tried: list[Tried] = []
    while (rate := next_rate(rule, tried)) is not None:
        tried.append(Tried(rate, rate <= limit))
    return tried


def test_rates_double_and_then_halve_the_gap() -> None:
    rates = [t.sessions_per_s for t in search(100.0)]
    assert rates == [10, 20, 40, 80, 160, 120, 100]


@pytest.mark.parametrize("limit", [1.3, 7.0, 10.0, 33.0, 99.0, 320.0, 639.0])
def test_the_knee_is_a_rate_that_was_sustained_and_close_to_one_that_was_not(
    limit: float,
) -> None:
    tried = search(limit)
    knee = knee_of(tried)
    assert knee is not None
    assert Tried(knee, True) in tried
    refused = min(t.sessions_per_s for t in tried if not t.sustained)
    assert knee <= limit < refused
    assert refused / knee <= SEARCH.resolution


def test_a_target_that_carries_everything_has_the_maximum_for_its_knee() -> None:
    tried = search(1e9)
    assert knee_of(tried) == SEARCH.sessions_per_s_max
    assert all(t.sustained for t in tried)


def test_a_target_that_carries_nothing_has_no_knee_and_is_not_searched_for_ever() -> (
    None
):
    tried = search(0.0)
    assert knee_of(tried) is None
    assert len(tried) == 5


def test_a_rate_that_passed_by_chance_above_a_refused_one_is_no_knee() -> None:
    tried = [Tried(10, True), Tried(20, False), Tried(40, True)]
    assert knee_of(tried) == 10


def test_the_number_of_probes_is_bounded() -> None:
    rule = KneeSearch(10.0, 640.0, 1.01, 1.0, 30.0, 6)
    assert len(search(99.0, rule)) == 6
