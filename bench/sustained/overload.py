"""What a network does when it is asked for more than it can do: `--overload FACTOR`.

Two loads, one after the other: the given rate, which should be about the best that the
network sustains, and FACTOR times as much. The customers obey: each waits for the
answer to an order before it offers the next, and offers one that was refused again when
its turn comes. An attempt is one such offer; the rate counts attempts. Final orders a
second are counted from the end of the warm-up, the first fifth, to the end of the
attempts.

What must hold: during overload at least KEPT_MIN of the best rate becomes final, every
refusal says why, and every order that a node took becomes final: none is lost silently.
"""

import asyncio
import contextlib
import secrets
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from bench.adapters.chain.provision import nonces_of, read_fees, read_funders
from bench.adapters.chain.rpc import Nodes, RpcRefusal
from bench.adapters.chain.signing import TRANSFER_GAS, Account, Call, Fees, Signed
from bench.adapters.http import Broken
from bench.errors import BenchError
from bench.sustained.measure import (
    FINAL_TIMEOUT_S,
    Plan,
    Progress,
    Target,
    opened,
    price_at,
    sign_order,
    watch,
)

CUSTOMERS_MAX = 1_000
PURSE_WEI = 10**20
KEPT_MIN = 0.8
WARM_UP = 0.2
HELD_IN_POOL = 25_000  # orders that may wait, beside those that become final
REFUSED_SAYING_HELD = ("already known", "nonce too low")


@dataclass(slots=True)
class Customer:
    """Orders signed beforehand, by nonce; offered one after the other."""

    account: Account
    nonce: int
    orders: deque[Signed] = field(default_factory=deque)


@dataclass(slots=True)
class Load:
    """What happened in one of the two; both share what became final."""

    rate: float
    progress: Progress
    attempts: int = 0
    accepted: dict[str, float] = field(default_factory=dict)
    """By hash: when the attempt that was accepted was planned, monotonic seconds."""
    refused: Counter[str] = field(default_factory=Counter)
    unanswered: Counter[str] = field(default_factory=Counter)
    begun: float = 0.0
    ended: float = 0.0
    cpu_s: float = 0.0

    @property
    def final_per_s(self) -> float:
        """Orders a second that became final while attempts were made."""
        final, last = self.progress.final, self.ended
        first = self.begun + WARM_UP * (last - self.begun)
        count = sum(first <= final[h] <= last for h in self.accepted if h in final)
        return count / (last - first)


async def compare(plan: Plan, factor: float) -> dict[str, Any]:
    """Both loads; the figures as a JSON-able document. Raises BenchError."""
    if factor <= 1:
        raise BenchError("an overload is more than 1 times the rate")
    async with opened(plan) as target:
        crowd = await Crowd.gather(plan, target.nodes)
        progress = Progress()
        best, over = (Load(plan.rate * by, progress) for by in (1, factor))
        # It ends by being cancelled: how many will be accepted is not known before.
        watcher = asyncio.create_task(watch(target.nodes, progress, 1 << 62))
        try:
            for load in (best, over):
                await _run(plan, target, crowd, load)
        finally:
            watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watcher
    return verdict(best, over)


def verdict(best: Load, over: Load) -> dict[str, Any]:
    """The figures of both loads, and whether what must hold does."""
    kept = over.final_per_s / best.final_per_s if best.final_per_s else 0.0
    lost = sum(len(_lost(load)) for load in (best, over))
    return {
        "best": _figures(best),
        "overload": _figures(over),
        "kept": round(kept, 3),
        "accepted_but_not_final": lost,
        "reverted": best.progress.reverted,
        "holds": kept >= KEPT_MIN and lost == 0 and "" not in over.refused,
    }


class Crowd:
    """Customers by the node that each of them talks to."""

    def __init__(self, customers: list[Customer], nodes: int) -> None:
        self.customers = customers
        self.free: list[deque[Customer]] = [deque() for _ in range(nodes)]
        for number, customer in enumerate(customers):
            self.free[number % nodes].append(customer)

    @classmethod
    async def gather(cls, plan: Plan, nodes: Nodes) -> "Crowd":
        """Make customers and give each of them money. Raises BenchError."""
        funders = read_funders(plan.directory / "accounts.json")[1:]
        fees = await read_fees(nodes)
        count = max(len(nodes.urls), min(CUSTOMERS_MAX, int(plan.rate)))
        seed = secrets.token_hex(16)
        accounts = [Account.derived(seed, number) for number in range(count)]
        nonces = await nonces_of(nodes, funders)
        calls = []
        for number, account in enumerate(accounts):
            at = number % len(funders)
            call = Call(account.address_bytes, PURSE_WEI, b"", TRANSFER_GAS)
            signed = funders[at].sign(fees, nonces[at], call)
            calls.append(("eth_sendRawTransaction", (signed.raw,)))
            nonces[at] += 1
        for answer in await nodes.batch(0, calls):
            if isinstance(answer, RpcRefusal):
                raise answer
        await _until_paid(nodes, accounts)
        return cls([Customer(account, 0) for account in accounts], len(nodes.urls))

    def sign(self, fees: Fees, shop: str, price: int, count: int) -> None:
        """Let every customer have orders ready, `count` in all."""
        each = -(-count // len(self.customers))
        for customer in self.customers:
            while len(customer.orders) < each:
                order = sign_order(customer.account, fees, customer.nonce, shop, price)
                customer.orders.append(order)
                customer.nonce += 1


async def _until_paid(nodes: Nodes, accounts: list[Account]) -> None:
    calls = [("eth_getBalance", (account.address, "latest")) for account in accounts]
    end = time.monotonic() + FINAL_TIMEOUT_S
    for at in range(len(nodes.urls)):
        while "0x0" in await nodes.batch(at, calls):
            if time.monotonic() > end:
                raise BenchError(
                    "the customers' money does not arrive: is there a quorum?"
                )
            await asyncio.sleep(0.2)


async def _run(plan: Plan, target: Target, crowd: Crowd, load: Load) -> None:
    """One load, and the wait until what was accepted is final."""
    nodes, attempts = target.nodes, load.rate * plan.seconds
    most = plan.rate * plan.seconds * 1.5 + HELD_IN_POOL
    fees, price = await read_fees(nodes), await price_at(nodes, plan.shop)
    crowd.sign(fees, plan.shop, price, int(min(attempts, most)))
    before = sum((await target.meter.read()).cpu_s.values())
    await _attempt_all(plan, nodes, crowd, load)
    load.cpu_s = sum((await target.meter.read()).cpu_s.values()) - before
    end = time.monotonic() + FINAL_TIMEOUT_S
    while True:
        if not _lost(load) or time.monotonic() > end:
            return
        await asyncio.sleep(0.1)


async def _attempt_all(plan: Plan, nodes: Nodes, crowd: Crowd, load: Load) -> None:
    load.begun = time.monotonic()
    tasks: set[asyncio.Task[None]] = set()
    step = 0
    while (planned := step * plan.batch / load.rate) < plan.seconds:
        await asyncio.sleep(max(0.0, load.begun + planned - time.monotonic()))
        node = step % len(nodes.urls)
        free = crowd.free[node]
        some = [free.popleft() for _ in range(min(plan.batch, len(free)))]
        step += 1
        if not all(customer.orders for customer in some):
            raise BenchError("the orders that were signed beforehand are used up")
        if some:
            task = asyncio.create_task(_attempt(nodes, node, some, load, free))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
    load.ended = time.monotonic()
    await asyncio.gather(*tasks)


async def _attempt(
    nodes: Nodes, node: int, some: list[Customer], load: Load, free: deque[Customer]
) -> None:
    """Offer the next order of each; they are free again once they have an answer."""
    planned = time.monotonic()
    load.attempts += len(some)
    calls = [("eth_sendRawTransaction", (c.orders[0].raw,)) for c in some]
    for order in (customer.orders[0] for customer in some):
        load.progress.sent.setdefault(order.digest, planned)
    try:
        answers = await nodes.batch(node, calls)
    except Broken as error:  # each order is offered again; the node may hold it already
        load.unanswered[str(error)] += len(some)
        answers = []
    except RpcRefusal as refusal:
        answers = [refusal] * len(some)
    for customer, answer in zip(some, answers, strict=False):
        _note(load, customer, answer, planned)
    free.extend(some)


def _note(load: Load, customer: Customer, answer: Any, planned: float) -> None:
    reason = str(answer) if isinstance(answer, RpcRefusal) else None
    if reason is None or reason.startswith(REFUSED_SAYING_HELD):
        load.accepted.setdefault(customer.orders.popleft().digest, planned)
    else:
        load.refused[reason.split(":")[0]] += 1


def _lost(load: Load) -> list[str]:
    """What a node took and no block holds."""
    return [digest for digest in load.accepted if digest not in load.progress.final]


def _figures(load: Load) -> dict[str, Any]:
    final = load.progress.final
    waits = sorted(final[h] - load.accepted[h] for h in load.accepted if h in final)
    if not waits:
        raise BenchError(f"no order became final; refused: {dict(load.refused)}")
    wall_s = load.ended - load.begun
    return {
        "offered_per_s": load.rate,
        "attempts_per_s": round(load.attempts / wall_s, 1),
        "accepted": len(load.accepted),
        "refused": dict(load.refused),
        "unanswered": dict(load.unanswered),
        "final_per_s": round(load.final_per_s, 1),
        "finality_latency_ms_p50": round(1000 * waits[len(waits) // 2], 1),
        "finality_latency_ms_p99": round(1000 * waits[len(waits) * 99 // 100], 1),
        "accepted_but_not_final": len(_lost(load)),
        "cpu_cores": round(load.cpu_s / wall_s, 2),
    }
