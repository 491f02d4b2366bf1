"""What one trial of a scenario really does; the story's days as arrival rates."""

import dataclasses
from itertools import pairwise

import pytest

from bench.errors import BenchError
from bench.scenario.curves import CURVES, arrivals_of
from bench.scenario.load import SHIPPED, find_scenario, load_scenario, parse_scenario
from bench.scenario.variant import faults_for, probe_scenario, rate_of, trial_scenario
from bench.workload.plan import make_plan

STANDARD = load_scenario(find_scenario("standard"))
TEXT = (SHIPPED / "standard.toml").read_text()


def test_a_fault_that_names_a_target_is_for_that_target_alone() -> None:
    assert [f.roles for f in faults_for(STANDARD, "replicated")] == [("primary",)]
    assert faults_for(STANDARD, "single") == faults_for(STANDARD, "validators-4")
    assert faults_for(STANDARD, "single")[0].targets == ()


def test_load_is_held_as_long_as_the_targets_own_fault_asks() -> None:
    single = trial_scenario(STANDARD, "single", 10.0, True)
    replicated = trial_scenario(STANDARD, "replicated", 10.0, True)
    assert single.phases.after_fault_s == STANDARD.phases.after_fault_s
    assert replicated.phases.after_fault_s == 32


def test_a_trial_without_a_fault_ends_with_its_baseline() -> None:
    trial = trial_scenario(STANDARD, "single", 10.0, False)
    assert trial.faults == ()
    assert trial.phases.load_s == trial.phases.warmup_s + trial.phases.baseline_s
    assert {point.sessions_per_s for point in trial.arrivals} == {10.0}


@pytest.mark.parametrize("rate", [5.0, 40.0, 1000.0])
def test_a_probe_is_long_enough_for_its_percentile(rate: float) -> None:
    probe = probe_scenario(STANDARD, rate)
    orders = rate * STANDARD.orders_per_session * probe.phases.baseline_s
    assert orders >= 10 / (1 - STANDARD.objective.order_quantile)
    assert probe.phases.baseline_s >= 30


def test_a_load_is_a_rate_or_a_share_of_the_knee() -> None:
    low, half, high = STANDARD.loads
    assert rate_of(low, 200.0) == 24
    assert rate_of(half, 200.0) == 100
    assert rate_of(high, 200.0) == 160


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("of_knee = 0.5", "of_knee = 1.5", "of_knee: a number from 0.01 to 1"),
        ('name = "half"', 'name = "low"', "two .*load.* have the same name"),
        ("start_sessions_per_s = 80", "start_sessions_per_s = 9000", "above its own"),
        ("with_fault = true", 'with_fault = "yes"', "with_fault: true or false"),
        ("hold_s = 32", "hold_s = 5", "or the fault's hold_s"),
        ("equivalence_ratio = 1.1", "equivalence_ratio = 9", "from 1 to 2"),
    ],
)
def test_mistakes_are_named(old: str, new: str, words: str) -> None:
    assert old in TEXT
    with pytest.raises(BenchError, match=words):
        parse_scenario(TEXT.replace(old, new, 1), "mine.toml")


def test_a_share_of_a_knee_that_is_not_searched_is_refused() -> None:
    knee = TEXT[TEXT.index("[knee]") : TEXT.index("# One crash")]
    with pytest.raises(BenchError, match="how to search it"):
        parse_scenario(TEXT.replace(knee, ""), "mine.toml")


@pytest.mark.parametrize("curve", sorted(CURVES))
def test_a_pressed_day_has_the_requests_that_it_says(curve: str) -> None:
    points = arrivals_of(curve, 100_000, 900.0, 2.6)
    sessions = sum(
        (b.at_s - a.at_s) * (a.sessions_per_s + b.sessions_per_s) / 2
        for a, b in pairwise(points)
    )
    assert sessions * 2.6 == pytest.approx(100_000)
    assert (points[0].at_s, points[-1].at_s) == (0.0, 900.0)
    assert points[0].sessions_per_s == points[-1].sessions_per_s


@pytest.mark.parametrize("name", ["small-day", "busy-day", "holiday", "burst"])
def test_the_plan_of_a_day_has_its_requests(name: str) -> None:
    scenario = load_scenario(find_scenario(name))
    # A tenth of the day's crowd is enough to see it, and quicker.
    thin = dataclasses.replace(
        scenario,
        arrivals=tuple(
            dataclasses.replace(p, sessions_per_s=p.sessions_per_s / 10)
            for p in scenario.arrivals
        ),
    )
    requests = sum(len(session.steps) for session in make_plan(thin, 1, 12))
    asked = {"small-day": 1e3, "busy-day": 1e5, "holiday": 2e5, "burst": 2e4}[name] / 10
    assert requests == pytest.approx(asked, abs=6 * (3 * asked) ** 0.5)
