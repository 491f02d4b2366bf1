"""Shoppers who buy without pause and remember what they were told.

Each purchase that was not answered is retried with its reference until it is; so
afterwards every reference must stand for exactly one order.
"""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

import aiohttp

from tests.central_baseline.client import Client, fresh_reference

RETRY_PAUSE_S = 0.05
GIVE_UP_S = 60


@dataclass
class History:
    """What happened to every purchase and every read."""

    acknowledged: list[str] = field(default_factory=list)  # references
    acknowledged_at: list[float] = field(default_factory=list)  # monotonic seconds
    retried: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    failed_gets: int = 0
    gets: int = 0

    def longest_gap_s(self, since: float) -> float:
        """The longest time without any acknowledged purchase after `since`."""
        times = [since, *(at for at in self.acknowledged_at if at > since)]
        return max(b - a for a, b in pairwise(times))


class Shoppers:
    """So many shoppers, buying (and reading) until told to stop."""

    def __init__(self, client: Client, tokens: list[str], reading: bool = False):
        self.history = History()
        self._client = client
        self._tokens = tokens
        self._reading = reading
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Shoppers":
        price = await self._client.price()
        self._tasks = [
            asyncio.create_task(self._shop(token, price)) for token in self._tokens
        ]
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        self._stop.set()
        if kind is None:
            await asyncio.gather(*self._tasks)
            return
        for task in self._tasks:  # what went wrong is told by whoever raised it
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def until_acknowledged(self, more: int) -> None:
        """Wait for so many more acknowledged purchases."""
        goal = len(self.history.acknowledged) + more
        async with asyncio.timeout(GIVE_UP_S):
            while len(self.history.acknowledged) < goal:
                await asyncio.sleep(0.01)
                for task in self._tasks:
                    if task.done():
                        task.result()

    async def _shop(self, token: str, price: int) -> None:
        while not self._stop.is_set():
            await self._purchase(token, price)
            if self._reading:
                await self._read()

    async def _purchase(self, token: str, price: int) -> None:
        said: list[str] = []
        try:
            async with asyncio.timeout(GIVE_UP_S):
                await self._until_acknowledged(token, price, said)
        except TimeoutError:
            raise AssertionError(
                f"a purchase was not acknowledged in {GIVE_UP_S} s; it was told, with "
                f"seconds: {said[-20:]}"
            ) from None

    async def _until_acknowledged(
        self, token: str, price: int, said: list[str]
    ) -> None:
        reference, began = fresh_reference(), time.monotonic()
        while True:
            try:
                reply = await self._client.buy(token, reference, price=price)
                told = str(reply.status)
                self.history.statuses[told] += 1
                if reply.status in {200, 201}:
                    self.history.acknowledged.append(reference)
                    self.history.acknowledged_at.append(time.monotonic())
                    return
                assert reply.status >= 500, reply
                told += f" {reply.body!r:.100}"
            except (aiohttp.ClientError, TimeoutError) as error:
                told = type(error).__name__
                self.history.statuses[told] += 1
            said.append(f"{time.monotonic() - began:.1f} {told}")
            self.history.retried += 1
            await asyncio.sleep(RETRY_PAUSE_S)

    async def _read(self) -> None:
        self.history.gets += 1
        try:
            reply = await self._client.ask("GET", "/api/catalogue")
        except (aiohttp.ClientError, TimeoutError):
            self.history.failed_gets += 1
        else:
            self.history.failed_gets += reply.status != 200


async def assert_books_match(client: Client, history: History) -> None:
    """Every acknowledged purchase is there exactly once, and the money adds up."""
    orders = await client.all_orders()
    found = Counter(order["reference"] for order in orders)
    lost = [reference for reference in history.acknowledged if not found[reference]]
    twice = [reference for reference, count in found.items() if count > 1]
    assert (lost, twice) == ([], [])
    ledger = (await client.admin("GET", "/admin/ledger")).body
    assert ledger["conserved"] is True
    assert ledger["stock_negative"] == 0
