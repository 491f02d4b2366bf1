"""Customers who want each transaction in the chain exactly once.

A client knows only what honest hosts answer: it submits, polls, and when it hears
nothing in time, offers the same bytes to another host. A transaction is acknowledged
when a host says where it is final. One account's transactions go one after the other.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from node.driver.driver import Driver
from node.primitives.keccak import keccak256
from node.primitives.types import Address, Hash32
from node.simulation.history import History
from node.simulation.machine.ledger import PAY, PRICES, transaction

POLL_S = 0.2
PATIENCE_S = 3.0
SUBMIT_TIMEOUT_S = 1.0
PAYEE = Address(b"\x5a" * 20)
MAX_IDLE_S = 1.5


def account_of(number: int) -> Address:
    """The account of a client; rich in every simulation."""
    return Address(bytes([0x10 + number]) * 20)


class Server(Protocol):
    """A host as its customers see it."""

    @property
    def name(self) -> str: ...

    @property
    def driver(self) -> Driver | None:
        """None while the host is down."""
        ...

    def location(self, transaction_hash: Hash32) -> tuple[int, int] | None: ...

    async def submit(self, raws: Sequence[bytes]) -> None: ...


@dataclass(slots=True)
class Client:
    """One account."""

    account: Address
    random: Random
    servers: Callable[[], Sequence[Server]]
    """Honest hosts that are up."""
    history: History
    nonce: int = 0
    pending: bytes | None = None
    stopping: bool = False
    queue: list[tuple[int, Address]] = field(default_factory=list)
    """(kind, argument) to send before anything else."""

    async def run(self, is_shopping: bool) -> None:
        """Until `stopping`, and what was begun is finished."""
        while True:
            if self.queue:
                kind, argument = self.queue.pop(0)
                await self._finish(kind, argument)
            elif self.stopping:
                return
            elif is_shopping:
                await self._finish(PAY, PAYEE)
            await asyncio.sleep(self.random.random() * MAX_IDLE_S)

    async def _finish(self, kind: int, argument: Address) -> None:
        raw = transaction(self.account, self.nonce, kind, argument, PRICES - 1)
        self.pending = raw
        digest = keccak256(raw)
        while not await self._offer(raw, digest):  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)
        self.pending = None
        self.nonce += 1

    async def _offer(self, raw: bytes, digest: Hash32) -> bool:
        """Whether some host said that it is final."""
        servers = self.servers()
        if not servers:
            return False
        server = self.random.choice(servers)
        driver = server.driver
        if driver is None:
            return False
        try:
            await asyncio.wait_for(server.submit([raw]), SUBMIT_TIMEOUT_S)
        except TimeoutError:
            return False
        for _ in range(int(PATIENCE_S / POLL_S)):
            if server.driver is not driver:
                return False
            place = server.location(digest)
            if place is not None:
                self.history.acknowledged[digest] = server.name
                self.history.note(server.name, f"acknowledges {digest.hex()[:8]}")
                return True
            await asyncio.sleep(POLL_S)
        return False


async def burst(server: Server, account: Address, count: int, random: Random) -> None:
    """Transactions of all prices at once; nobody waits for them."""
    driver = server.driver
    if driver is None:
        return
    [(nonce, _)] = driver.executor.view(driver.head.header.digest).accounts([account])
    raws = [
        transaction(account, nonce + i, PAY, PAYEE, random.randrange(PRICES))
        for i in range(count)
    ]
    with_deadline = asyncio.wait_for(server.submit(raws), SUBMIT_TIMEOUT_S)
    try:
        await with_deadline
    except TimeoutError:
        return
