"""The plan: pure, seeded, Poisson arrivals, skewed designs, unique references."""

from collections import Counter
from itertools import pairwise
from random import Random
from statistics import fmean, pvariance

import pytest

from bench.scenario.load import find_scenario, load_scenario
from bench.scenario.model import RatePoint
from bench.workload.delivery import ENVELOPE_BYTES, sealed_address
from bench.workload.plan import arrival_times, make_plan, rate_at

QUICK = load_scenario(find_scenario("quick"))


def test_the_same_seed_makes_the_same_plan_and_another_seed_another() -> None:
    assert make_plan(QUICK, 5, 90) == make_plan(QUICK, 5, 90)
    assert make_plan(QUICK, 5, 90) != make_plan(QUICK, 6, 90)


def test_references_are_32_bytes_and_never_repeat() -> None:
    steps = [step for session in make_plan(QUICK, 1, 90) for step in session.steps]
    references = [step.reference for step in steps]
    assert len(set(references)) == len(references)
    assert {len(bytes.fromhex(reference)) for reference in references} == {32}


def test_arrivals_are_poisson_at_the_declared_rate() -> None:
    until_s = 2_000.0
    times = list(arrival_times(Random(3), [RatePoint(0, 5.0)], until_s))
    gaps = [after - before for before, after in pairwise(times)]
    assert times == sorted(times)
    assert times[-1] < until_s
    assert len(times) / until_s == pytest.approx(5.0, rel=0.05)
    # Exponential gaps: the variance is the square of the mean.
    assert pvariance(gaps) == pytest.approx(fmean(gaps) ** 2, rel=0.1)


def test_a_rate_is_linear_between_points_and_flat_outside() -> None:
    points = [RatePoint(10, 2.0), RatePoint(20, 6.0)]
    moments = (0, 10, 15, 20, 99)
    assert [rate_at(points, at_s) for at_s in moments] == [2, 2, 4, 6, 6]


def test_a_surge_brings_the_shoppers_when_it_says() -> None:
    points = [RatePoint(0, 1), RatePoint(50, 1), RatePoint(51, 20), RatePoint(60, 20)]
    times = list(arrival_times(Random(1), points, 60.0))
    before = sum(at_s < 50 for at_s in times)
    after = sum(at_s >= 51 for at_s in times)
    assert before < 75
    assert 140 < after < 220


def test_designs_are_skewed_and_all_steps_keep_to_the_scenario() -> None:
    sessions = make_plan(QUICK, 2, 90)
    wanted = Counter(step.design for s in sessions for step in s.steps)
    assert wanted[0] > 5 * wanted[30] > 0
    assert set(wanted) <= set(range(90))
    allowed = {kind.name: kind.steps for kind in QUICK.sessions}
    for session in sessions:
        assert tuple(s.operation for s in session.steps) == allowed[session.kind]
        assert session.steps[0].think_ms == 0
        assert all(s.think_ms <= QUICK.think.max_ms for s in session.steps)
        assert all(1 <= s.quantity <= QUICK.quantity_max for s in session.steps)
        assert 0 <= session.customer < QUICK.customers


def test_envelopes_differ_by_session_and_version_alone() -> None:
    assert sealed_address(1, 0) == sealed_address(1, 0)
    assert len({sealed_address(s, v) for s in range(3) for v in range(3)}) == 9
    assert len(sealed_address(1, 1)) == ENVELOPE_BYTES
