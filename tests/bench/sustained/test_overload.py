"""Customers who obey refusals, and what is said of a network from what they saw."""

import asyncio
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from bench.adapters.chain.rpc import RpcRefusal
from bench.adapters.chain.signing import Account, Fees
from bench.adapters.http import Broken
from bench.errors import BenchError
from bench.sustained.measure import Plan, Progress
from bench.sustained.overload import Crowd, Customer, Load, _attempt_all, verdict

SHOP = "0x" + "11" * 20
FULL = RpcRefusal({"message": "txpool is full: 20000 transactions"})
KNOWN = RpcRefusal({"message": "already known"})


class Pool:
    """Stands for the nodes: answers what `script` says of each attempt in turn, then
    takes everything."""

    def __init__(self, script: list[Any]) -> None:
        self.urls = ["one", "two"]
        self.script = deque(script)
        self.offered: list[str] = []

    async def batch(self, node: int, calls: list[Any]) -> list[Any]:
        self.offered += [raw for _, (raw,) in calls]
        answers = [self.script.popleft() if self.script else "0x1" for _ in calls]
        for answer in answers:
            if isinstance(answer, Broken):
                raise answer
        return answers


def attempt(pool: Pool, orders: int = 40, seconds: float = 0.2) -> tuple[Load, Crowd]:
    customers = [Customer(Account(bytes([n]) * 32), 0) for n in range(1, 5)]
    crowd = Crowd(customers, 2)
    crowd.sign(Fees(7, 10, 1), SHOP, 5, orders)
    plan = Plan(Path("unused"), SHOP, 100.0, seconds, 2)
    load = Load(plan.rate, Progress())
    asyncio.run(_attempt_all(plan, pool, crowd, load))  # type: ignore[arg-type]
    return load, crowd


def test_every_attempt_is_accepted_refused_or_unanswered():
    broken = Broken(OSError("gone"), sent=True)
    pool = Pool([FULL, "0x1", broken, "with it", FULL, FULL])
    load, crowd = attempt(pool)
    assert load.refused == {"txpool is full": 3}
    assert sum(load.unanswered.values()) == 2
    assert load.attempts == len(load.accepted) + 3 + 2
    assert len(pool.offered) == load.attempts
    left = sum(len(customer.orders) for customer in crowd.customers)
    assert left == 40 - len(load.accepted)


def test_a_refused_order_is_offered_again_before_the_next_one():
    pool = Pool([FULL] * 4)
    load, crowd = attempt(pool)
    assert pool.offered[4:8] == pool.offered[:4]
    assert len(set(pool.offered)) == len(load.accepted)
    for customer in crowd.customers:
        nonces = [order.nonce for order in customer.orders]
        assert nonces == list(range(10 - len(nonces), 10))


def test_an_order_that_a_node_holds_already_was_accepted():
    load, _ = attempt(Pool([KNOWN, KNOWN]))
    assert not load.refused
    assert len(load.accepted) == load.attempts


def test_orders_that_run_out_make_no_figure():
    with pytest.raises(BenchError, match="used up"):
        attempt(Pool([]), orders=4)


def load_of(rate: float, finals: int, accepted: int, progress: Progress) -> Load:
    """Ten seconds; the finals evenly over the last eight."""
    load = Load(rate, progress, begun=100.0, ended=110.0)
    for number in range(accepted):
        digest = f"{rate}/{number}"
        load.accepted[digest] = 101.0
        if number < finals:
            progress.final[digest] = 102.0 + 8 * number / finals
    return load


def test_it_holds_while_four_fifths_remain_and_nothing_accepted_is_lost():
    progress = Progress()
    best = load_of(100, 800, 800, progress)
    over = load_of(300, 640, 640, progress)
    over.refused["txpool is full"] = 2_000
    found = verdict(best, over)
    assert (found["best"]["final_per_s"], found["kept"]) == (100.0, 0.8)
    assert found["overload"]["refused"] == {"txpool is full": 2_000}
    assert found["holds"] is True


@pytest.mark.parametrize(
    ("finals", "accepted", "reason"),
    [(630, 630, "full"), (800, 801, "full"), (800, 800, "")],
    ids=["less than four fifths", "one accepted is lost", "a refusal without a word"],
)
def test_else_it_does_not(finals: int, accepted: int, reason: str):
    progress = Progress()
    best = load_of(100, 800, 800, progress)
    over = load_of(300, finals, accepted, progress)
    over.refused[reason] = 1
    found = verdict(best, over)
    assert found["holds"] is False
    assert found["accepted_but_not_final"] == accepted - finals
