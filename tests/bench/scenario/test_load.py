"""Scenario files: the shipped ones load, and every mistake is named."""

import pytest

from bench.errors import BenchError
from bench.scenario.load import SHIPPED, find_scenario, load_scenario, parse_scenario

QUICK = (SHIPPED / "quick.toml").read_text()


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda p: p.stem)
def test_every_shipped_scenario_loads(path) -> None:  # type: ignore[no-untyped-def]
    scenario = load_scenario(path)
    assert scenario.name == path.stem
    assert scenario.source == path.read_text()


def test_the_quick_scenario_measures_for_half_a_minute_before_its_fault() -> None:
    phases = load_scenario(find_scenario("quick")).phases
    assert phases.baseline_s >= 30
    moments = (0, phases.warmup_s, phases.fault_at_s - 0.1, phases.fault_at_s)
    names = [phases.of(at_s) for at_s in moments]
    assert names == ["warmup", "baseline", "guard", "after_fault"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("seed = ", "sede = ", "'seed' is missing"),
        ("customers = 240", "customers = 0", "customers: a whole number from 1"),
        ("customers = 240", "customers = true", "customers: a whole number"),
        ('size = "quick"', 'size = "tiny"', "size: one of quick, standard, full"),
        ("sessions_per_s = 32", "sessions_per_s = 0", "sessions_per_s: a number from"),
        ("sessions_per_s = 32", "points = []", "moments must rise"),
        ("mean_ms = 600", "mean_ms = 600\nmode = 1", "unknown field 'mode'"),
        ('"browse", "browse"', '"browse", "steal"', "'steal' is none of"),
        ('"browse", "browse"', '"track"', "put 'place_order' before it"),
        ("duration_s = 3", "duration_s = 60", r"raise phases.after_fault_s .* to 240"),
        ('kind = "kill"', 'kind = "shout"', "kind: one of kill, pause"),
        ('"orders_lost"', '"orders_found"', "'orders_found' is none of"),
        ("[phases]", "[phases", "not valid TOML"),
    ],
)
def test_mistakes_are_named(old: str, new: str, words: str) -> None:
    assert old in QUICK
    with pytest.raises(BenchError, match=words):
        parse_scenario(QUICK.replace(old, new, 1), "mine.toml")


def test_an_unknown_scenario_names_those_there_are() -> None:
    with pytest.raises(BenchError, match=r"shipped are .*quick"):
        find_scenario("sprint")
