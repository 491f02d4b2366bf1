"""Connections to one server, kept and lent: at most so many, the last used first.

The problem: asyncpg's own pool makes two tasks, a proxy and a reset of each use, which
is a third of what an order costs the web tier. Here no session state is ever set, so a
connection that comes back is as good as new, unless it is closed. The promise: nobody
waits for a connection longer than told, and a slot never leaks.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """What the pool needs of a connection."""

    def is_closed(self) -> bool: ...

    def terminate(self) -> None: ...

    async def close(self) -> None: ...


C = TypeVar("C", bound=Closable)


class Pool(Generic[C]):
    """`connect` opens a connection; it is called when a free slot has none."""

    def __init__(self, connect: Callable[[], Awaitable[C]], most: int) -> None:
        self._connect = connect
        self._most = most
        self._slots = asyncio.Semaphore(most)
        self._free: list[C] = []
        self._lent: set[C] = set()

    async def acquire(self, patience_s: float) -> C:
        """A connection that is not closed; TimeoutError when all stay lent, and
        whatever `connect` raises."""
        if self._slots.locked():
            async with asyncio.timeout(patience_s):
                await self._slots.acquire()
        else:
            await self._slots.acquire()  # returns at once
        try:
            connection = self._kept() or await self._connect()
        except BaseException:
            self._slots.release()
            raise
        self._lent.add(connection)
        return connection

    def release(self, connection: C) -> None:
        """Take a connection back; a closed one is forgotten."""
        self._lent.discard(connection)
        if not connection.is_closed():
            self._free.append(connection)
        self._slots.release()

    async def close(self) -> None:
        """Wait until all connections are back, then end them."""
        for _ in range(self._most):
            await self._slots.acquire()
        for connection in self._free:
            await connection.close()
        self._free.clear()

    def terminate(self) -> None:
        """End every connection at once, lent or not."""
        for connection in (*self._free, *self._lent):
            connection.terminate()

    def _kept(self) -> C | None:
        while self._free:
            connection = self._free.pop()
            if not connection.is_closed():
                return connection
        return None
