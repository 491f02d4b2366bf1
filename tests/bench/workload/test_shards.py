"""Shards: together the schedule, each visit in one, a customer never in two."""

import pytest

from bench.scenario.load import find_scenario, load_scenario
from bench.workload.plan import make_plan
from bench.workload.shards import (
    counted_inside,
    customer_of,
    customers_in,
    shard_of,
    shard_plan,
)

QUICK = load_scenario(find_scenario("quick"))
PLAN = make_plan(QUICK, 3, 90)
COUNTS = (1, 2, 3, 7, 240, 300)


@pytest.mark.parametrize("shards", COUNTS)
def test_the_shards_together_are_the_schedule(shards: int) -> None:
    cut = [shard_plan(PLAN, shard, shards) for shard in range(shards)]
    together = sorted((s for part in cut for s in part), key=lambda s: s.number)
    assert tuple(together) == PLAN
    assert cut == [shard_plan(PLAN, shard, shards) for shard in range(shards)]


@pytest.mark.parametrize("shards", COUNTS)
def test_all_visits_of_a_customer_are_in_one_shard(shards: int) -> None:
    for shard in range(shards):
        for session in shard_plan(PLAN, shard, shards):
            assert shard_of(session.customer, shards) == shard


@pytest.mark.parametrize("shards", COUNTS)
def test_customers_counted_inside_a_shard_are_counted_back(shards: int) -> None:
    assert sum(customers_in(240, s, shards) for s in range(shards)) == 240
    for shard in range(shards):
        count = customers_in(240, shard, shards)
        inside = [customer_of(number, shard, shards) for number in range(count)]
        assert inside == [c for c in range(240) if shard_of(c, shards) == shard]
        for session in shard_plan(PLAN, shard, shards):
            own = counted_inside(session, shards)
            assert 0 <= own.customer < count
            assert customer_of(own.customer, shard, shards) == session.customer
            assert (own.number, own.start_s, own.steps) == (
                session.number,
                session.start_s,
                session.steps,
            )


def test_shards_share_the_load_evenly() -> None:
    sizes = [len(shard_plan(PLAN, shard, 4)) for shard in range(4)]
    assert max(sizes) - min(sizes) <= 2
