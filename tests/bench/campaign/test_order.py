"""The order of trials: interleaved, fair in who goes first, the same crowds for all."""

from itertools import pairwise

from bench.campaign.order import cells_of, probe_seed
from bench.campaign.pace import Pace, expected_minutes
from bench.scenario.load import find_scenario, load_scenario
from bench.scenario.variant import trial_scenario

QUICK = load_scenario(find_scenario("quick"))
STANDARD = load_scenario(find_scenario("standard"))
TARGETS = ("single", "replicated", "validators-4")


def test_every_load_is_measured_as_often_as_the_scenario_says_on_every_target() -> None:
    cells = cells_of(STANDARD, TARGETS, 7)
    assert len(cells) == 6 * 3 * 3
    seen = {(c.target, c.load.name, c.repetition) for c in cells}
    assert len(seen) == len(cells)


def test_targets_are_interleaved_and_each_goes_first_equally_often() -> None:
    cells = cells_of(STANDARD, TARGETS, 7)
    rounds = [cells[at : at + 3] for at in range(0, len(cells), 3)]
    for members in rounds:
        assert {c.target for c in members} == set(TARGETS)
        assert len({(c.load.name, c.repetition) for c in members}) == 1
    firsts = [members[0].target for members in rounds]
    assert {firsts.count(target) for target in TARGETS} == {6}
    assert [c.repetition for c in cells] == sorted(c.repetition for c in cells)


def test_all_targets_face_the_same_crowds_and_no_two_trials_of_one_the_same() -> None:
    cells = cells_of(STANDARD, TARGETS, 7)
    for target in TARGETS:
        seeds = [c.seed for c in cells if c.target == target]
        assert len(set(seeds)) == len(seeds)
        others = [c.seed for c in cells if c.target == TARGETS[0]]
        assert sorted(seeds) == sorted(others)
    assert not {probe_seed(7, n) for n in range(50)} & {c.seed for c in cells}


def test_faults_come_at_the_loads_that_ask_for_them_and_so_often() -> None:
    cells = cells_of(STANDARD, TARGETS, 7)
    hit = {(c.load.name, c.repetition) for c in cells if c.with_fault}
    assert hit == {("half", 1), ("high", 1)}


def test_a_quick_run_is_one_trial_a_target_with_the_seed_that_was_asked() -> None:
    quick = load_scenario(find_scenario("quick"))
    cells = cells_of(quick, quick.targets, 5)
    assert [c.target for c in cells] == list(quick.targets)
    assert all(c.seed == 5 and c.with_fault for c in cells)


def test_the_standard_size_is_expected_to_end_within_an_hour() -> None:
    assert expected_minutes(STANDARD, STANDARD.targets) <= 60
    assert STANDARD.time_budget_s <= 3600


def test_expectations_follow_what_trials_have_taken() -> None:
    pace = Pace()
    before = pace.trial_s("single", 30.0)
    for seconds in (36.0, 38.0):
        pace.took("single", 30.0, seconds)
    assert pace.trial_s("single", 30.0) == 37.0 != before
    for shorter, longer in pairwise((10.0, 30.0, 90.0)):
        assert pace.trial_s("other", shorter) < pace.trial_s("other", longer)


def test_quick_has_room_for_one_trial_to_be_made_again_and_for_no_second() -> None:
    # What each target takes beyond its load on two cores, in seconds.
    pace = Pace({"single": [9], "replicated": [16], "cdn": [16], "validators-4": [15]})
    firsts = [
        pace.trial_s(
            c.target, trial_scenario(QUICK, c.target, None, True).phases.load_s
        )
        for c in cells_of(QUICK, QUICK.targets, 1)
    ]
    assert sum(firsts) + max(firsts) <= QUICK.time_budget_s
    assert sum(firsts) + 2 * min(firsts) > QUICK.time_budget_s
    assert QUICK.time_budget_s + 200 <= 600, "installing and building take 170 s"
