"""Asking a name server directly: for probes, tests and load generators."""

import asyncio
from collections.abc import Sequence
from typing import cast

from dnslib import DNSRecord

TIMEOUT_S = 1.0


class _Question(asyncio.DatagramProtocol):
    def __init__(self, question: bytes, reply: "asyncio.Future[bytes]") -> None:
        self._question = question
        self._reply = reply

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio's own transports are no subclass of what it declares them to be.
        cast("asyncio.DatagramTransport", transport).sendto(self._question)

    def datagram_received(self, data: bytes, _: object) -> None:
        if not self._reply.done():
            self._reply.set_result(data)

    def error_received(self, error: Exception) -> None:
        if not self._reply.done():
            self._reply.set_exception(error)


async def resolve(
    name: str, host: str, port: int, source: str | None = None
) -> list[str] | None:
    """The A records of a name; None when the server does not answer in a second.

    `source` is the local address to ask from, which is what regions go by.
    """
    loop = asyncio.get_running_loop()
    reply: asyncio.Future[bytes] = loop.create_future()
    question = DNSRecord.question(name, "A")
    local = (source, 0) if source is not None else None
    transport = None
    try:
        async with asyncio.timeout(TIMEOUT_S):
            transport, _ = await loop.create_datagram_endpoint(
                lambda: _Question(question.pack(), reply),
                remote_addr=(host, port),
                local_addr=local,
            )
            record = DNSRecord.parse(await reply)
    except (OSError, TimeoutError):
        return None
    finally:
        if transport is not None:
            transport.close()
    return [str(entry.rdata) for entry in record.rr]


async def resolve_any(
    name: str, servers: Sequence[tuple[str, int]], source: str | None = None
) -> list[str] | None:
    """The first answer of several name servers, asked one after the other."""
    for host, port in servers:
        found = await resolve(name, host, port, source)
        if found is not None:
            return found
    return None
