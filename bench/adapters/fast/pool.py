"""Kept connections by server, and which errors had no effect.

The same answers as the aiohttp client gives to the same servers (one set of tests holds
both to that): a connection that could not be made certainly had no effect; a request
that may be repeated freely (RFC 9110, idempotent) is repeated once if a kept connection
turns out to be closed before a byte of the answer came; redirects are not followed,
for no target of the bench sends any.
"""

import asyncio
import base64
import re
import ssl
import time
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from bench.adapters.fast.connection import Connection, Lost, Whole

KEPT_S = 30.0
REPEATABLE = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}
NOT_IN_A_TARGET = re.compile(r"[^\x21-\x7e]")


class NotConnected(ConnectionError):
    """No connection could be made: nobody saw the request."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A server, and the header lines that every request to it has."""

    host: str
    port: int
    secure: bool
    head: str


class Pool:
    """Connections to any number of servers, so many of them in use at once."""

    def __init__(self, connections_max: int, body_bytes_max: int) -> None:
        self._places = asyncio.Semaphore(connections_max)
        self._body_bytes_max = body_bytes_max
        self._kept: dict[Origin, list[Connection]] = {}
        self._in_use: set[Connection] = set()
        self._tls = ssl.create_default_context()

    async def exchange(
        self, method: str, url: str, headers: dict[str, str], data: bytes | None
    ) -> Whole:
        """One request. Raises NotConnected if nothing was sent, else Lost."""
        origin, target = split(url)
        request = encode(method, target, origin, headers, data)
        async with self._places:
            kept = self._take(origin)
            if kept is not None:
                try:
                    return await self._on(kept, origin, request)
                except Lost as lost:
                    if lost.begun or method not in REPEATABLE:
                        raise
            return await self._on(await self._connect(origin), origin, request)

    async def close(self) -> None:
        """Close every connection; requests under way end as Lost."""
        for connections in self._kept.values():
            for connection in connections:
                connection.close()
        self._kept.clear()
        for connection in list(self._in_use):
            connection.close()
        await asyncio.sleep(0)  # lets the loop close the sockets

    async def _on(
        self, connection: Connection, origin: Origin, request: bytes
    ) -> Whole:
        self._in_use.add(connection)
        try:
            whole = await connection.exchange(request)
        finally:
            self._in_use.discard(connection)
        if connection.may_be_kept:
            connection.idle_since_s = time.monotonic()
            self._kept.setdefault(origin, []).append(connection)
        return whole

    def _take(self, origin: Origin) -> Connection | None:
        """The connection that was used last, if one is still open."""
        connections = self._kept.get(origin, [])
        while connections:
            connection = connections.pop()
            idle_s = time.monotonic() - connection.idle_since_s
            if connection.may_be_kept and idle_s < KEPT_S:
                return connection
            connection.close()
        return None

    async def _connect(self, origin: Origin) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(
                lambda: Connection(self._body_bytes_max),
                origin.host,
                origin.port,
                ssl=self._tls if origin.secure else None,
            )
        except OSError as error:
            raise NotConnected(str(error)) from None
        return connection


def split(url: str) -> tuple[Origin, str]:
    """The server of a URL, and what is asked of it; NotConnected if it is no URL."""
    slash = url.find("/", len("https://"))
    base, target = (url, "/") if slash < 0 else (url[:slash], url[slash:])
    if NOT_IN_A_TARGET.search(target):
        raise NotConnected(f"'{target}' cannot be asked for: it must be encoded first")
    return _origin(base), target


@lru_cache(maxsize=1024)
def _origin(base: str) -> Origin:
    parts = urlsplit(base)
    secure = parts.scheme == "https"
    if parts.hostname is None or parts.scheme not in ("http", "https"):
        raise NotConnected(f"'{base}' is no http:// or https:// address")
    where = parts.netloc.rpartition("@")[2]
    head = (
        f"Host: {where}\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n"
        "User-Agent: chandlery-bench\r\n"
    )
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        head += f"Authorization: Basic {base64.b64encode(pair.encode()).decode()}\r\n"
    return Origin(parts.hostname, parts.port or (443 if secure else 80), secure, head)


def encode(
    method: str,
    target: str,
    origin: Origin,
    headers: dict[str, str],
    data: bytes | None,
) -> bytes:
    """The bytes of one request."""
    lines = [f"{method} {target} HTTP/1.1\r\n{origin.head}"]
    for name, value in headers.items():
        if "\r" in value or "\n" in value:
            raise NotConnected(f"the header {name} holds a line break")
        lines.append(f"{name}: {value}\r\n")
    if data is not None or method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(data or b'')}\r\n")
    lines.append("\r\n")
    return "".join(lines).encode("latin-1") + (data or b"")
