"""What a target asks one to trust, told from its descriptor."""

from bench.descriptor import parse_descriptor
from bench.report.trust import trust_of
from tests.bench.made_run import descriptor


def crash(*roles: str) -> str:
    return trust_of(parse_descriptor(descriptor("central", "r", list(roles)))).crash


def test_a_part_that_is_there_once_stops_everything() -> None:
    assert crash("server") == "none (the only server stops it)"
    assert (
        crash("web", "database") == "none (the only web and the only database stop it)"
    )


def test_of_several_any_one_may_die_and_a_cache_may() -> None:
    told = crash("database", "database", "balancer", "cache")
    assert told == (
        "any one of 2 of role database; the only cache (the only balancer stops it)"
    )


def test_a_chain_bears_a_third_of_crashes_or_liars() -> None:
    for count, survived in ((1, "none"), (3, "none"), (4, "any 1 of 4 validators")):
        chain = parse_descriptor(descriptor("chain", "v", ["validator"] * count))
        assert trust_of(chain).crash == survived
