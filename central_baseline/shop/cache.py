"""Cache-aside with a bound on staleness.

The promise: what `fetch` returns was read from the database at most `ttl_s` ago,
however readers and writers race: an entry's life is counted from before the read that
filled it, and the cache server itself ends it. A writer also removes the entry, so that
usually nothing is stale at all. Of many who miss at once, one asks the database (per
server). A cache that is dead or stalls costs at most `PATIENCE_S` once in `BYPASS_S`;
then the database is asked.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

PATIENCE_S = 0.1
BYPASS_S = 1.0
PREFIX = "shop:"
MAX_CONNECTIONS = 64

LOG = logging.getLogger("chandlery.cache")

Fill = Callable[[], Awaitable[bytes]]


class Cache:
    """Bytes by name, in front of a function that reads them afresh."""

    def __init__(self, address: str | None) -> None:
        """`address` is the path of a Unix socket, or `valkey://:PASSWORD@HOST:PORT`.
        Without one there is no cache: every `fetch` reads afresh."""
        self._client: Valkey | None = None
        if address is not None:
            self._client = Valkey.from_url(
                address if "://" in address else f"unix://{address}",
                socket_timeout=PATIENCE_S,
                socket_connect_timeout=PATIENCE_S,
                max_connections=MAX_CONNECTIONS,
            )
        self._bypass_until = 0.0
        self._flights: dict[str, asyncio.Future[bytes]] = {}
        self.hits = 0
        self.misses = 0

    async def is_alive(self) -> bool:
        """Whether the cache server answers."""
        try:
            return self._client is not None and bool(await self._client.ping())
        except (ValkeyError, OSError, TimeoutError):
            return False

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def fetch(self, name: str, ttl_s: float, fill: Fill) -> bytes:
        """The cached bytes, or what `fill` reads now; at most `ttl_s` old."""
        if self._client is None:
            return await fill()
        if name in self._flights:
            return await asyncio.shield(self._flights[name])
        found = await self._get(name)
        if found is not None:
            self.hits += 1
            return found
        if name in self._flights:
            return await asyncio.shield(self._flights[name])
        return await self._fill(name, ttl_s, fill)

    async def forget(self, name: str) -> None:
        """Remove an entry: what it was read from has changed."""
        if self._client is None or self._is_bypassed():
            return
        try:
            await self._client.delete(PREFIX + name)
        except (ValkeyError, OSError, TimeoutError) as error:
            self._bypass(error)

    async def _fill(self, name: str, ttl_s: float, fill: Fill) -> bytes:
        flight: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._flights[name] = flight
        began = time.monotonic()
        try:
            value = await fill()
        except BaseException as error:
            flight.set_exception(error)
            flight.exception()  # heard, even where nobody waits
            raise
        else:
            flight.set_result(value)
        finally:
            del self._flights[name]
        self.misses += 1
        await self._set(name, value, ttl_s - (time.monotonic() - began))
        return value

    async def _get(self, name: str) -> bytes | None:
        if self._client is None or self._is_bypassed():
            return None
        try:
            found: bytes | None = await self._client.get(PREFIX + name)
        except (ValkeyError, OSError, TimeoutError) as error:
            self._bypass(error)
            return None
        return found

    async def _set(self, name: str, value: bytes, life_s: float) -> None:
        life_ms = int(life_s * 1000)
        if self._client is None or life_ms < 1 or self._is_bypassed():
            return
        try:
            await self._client.set(PREFIX + name, value, px=life_ms)
        except (ValkeyError, OSError, TimeoutError) as error:
            self._bypass(error)

    def _is_bypassed(self) -> bool:
        return time.monotonic() < self._bypass_until

    def _bypass(self, error: Exception) -> None:
        """Do without the cache for a moment."""
        self._bypass_until = time.monotonic() + BYPASS_S
        LOG.warning("cache bypassed for %s s: %s", BYPASS_S, error)
