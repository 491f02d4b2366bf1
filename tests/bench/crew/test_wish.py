"""Which generators a run is to have, and has again when it goes on."""

import pytest

from bench.crew.wish import CrewWish, same_crew, wish_of
from bench.errors import BenchError


def test_without_a_wish_the_bench_makes_the_load_itself() -> None:
    assert wish_of(None, "") is None
    assert wish_of(3, "") == CrewWish(3)
    assert wish_of(None, "tcp://h:1") == CrewWish(None, "tcp://h:1")
    for count in (0, -1, 1000):
        with pytest.raises(BenchError, match="--generators: from 1 to 256"):
            wish_of(count, "")


def test_a_run_that_goes_on_has_the_generators_that_it_had() -> None:
    here = CrewWish(2).recorded(2)
    assert same_crew(None, None) is None
    assert same_crew(here, None) == CrewWish(2)
    assert same_crew(here, CrewWish(2)) == CrewWish(2)
    with pytest.raises(BenchError, match="begun with 2 generators, not 3"):
        same_crew(here, CrewWish(3))
    with pytest.raises(BenchError, match="bench's own process"):
        same_crew(None, CrewWish(2))


def test_generators_elsewhere_must_be_named_again_and_their_address_is_not_kept() -> (
    None
):
    elsewhere = CrewWish(None, "tcp://h:1").recorded(5)
    assert "tcp" not in str(elsewhere)
    with pytest.raises(BenchError, match="--workers"):
        same_crew(elsewhere, None)
    again = same_crew(elsewhere, CrewWish(None, "tcp://other:1"))
    assert again == CrewWish(5, "tcp://other:1")
