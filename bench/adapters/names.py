"""Finding the nearest edge by name, as browsers of different regions would.

A rung with edges names two name servers and which network counts as which region.
Every customer belongs to a region; the question is asked from an address of that
region's network, and the answer is kept for as long as its TTL says, no longer: how
soon shoppers leave a dead edge is part of what is measured. If no name server answers,
the last answer is used; a browser does the same.
"""

import asyncio
import ipaddress
import time
from dataclasses import dataclass
from typing import Any, cast

from dnslib import DNSRecord

TIMEOUT_S = 1.0


@dataclass(slots=True)
class _Known:
    address: str
    until_s: float


class Names:
    """The resolver of all regions. `port` is where every edge listens."""

    def __init__(self, dns: dict[str, Any], port: int) -> None:
        self._name = str(dns["name"])
        self._servers = [_host_port(server) for server in dns["name_servers"]]
        networks = sorted(dns["networks"])
        # The first address of a network that is not the network's own.
        self._sources = [str(ipaddress.ip_network(net)[1]) for net in networks]
        self._known: list[_Known | None] = [None] * len(networks)
        self._locks = [asyncio.Lock() for _ in networks]
        self._port = port

    async def base_url(self, customer: int) -> str | None:
        """Where a customer's browser goes now; None if the name was never resolved."""
        region = customer % len(self._sources)
        known = self._known[region]
        if known is None or time.monotonic() >= known.until_s:
            async with self._locks[region]:
                known = self._known[region]
                if known is None or time.monotonic() >= known.until_s:
                    known = await self._ask(region) or known
                    self._known[region] = known
        return None if known is None else f"http://{known.address}:{self._port}"

    async def _ask(self, region: int) -> _Known | None:
        for server in self._servers:
            answer = await resolve(self._name, server, self._sources[region])
            if answer is not None:
                address, ttl_s = answer
                return _Known(address, time.monotonic() + ttl_s)
        return None


class _Question(asyncio.DatagramProtocol):
    def __init__(self, question: bytes, reply: "asyncio.Future[bytes]") -> None:
        self._question = question
        self._reply = reply

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.DatagramTransport", transport).sendto(self._question)

    def datagram_received(self, data: bytes, addr: object) -> None:
        if not self._reply.done():
            self._reply.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self._reply.done():
            self._reply.set_exception(exc)


async def resolve(
    name: str, server: tuple[str, int], source: str
) -> tuple[str, float] | None:
    """The first A record and its TTL in seconds; None if there is no answer."""
    loop = asyncio.get_running_loop()
    reply: asyncio.Future[bytes] = loop.create_future()
    question = DNSRecord.question(name, "A").pack()
    transport = None
    try:
        async with asyncio.timeout(TIMEOUT_S):
            transport, _ = await loop.create_datagram_endpoint(
                lambda: _Question(question, reply),
                remote_addr=server,
                local_addr=(source, 0),
            )
            records = DNSRecord.parse(await reply).rr
    except (OSError, TimeoutError):
        return None
    finally:
        if transport is not None:
            transport.close()
    return (str(records[0].rdata), float(records[0].ttl)) if records else None


def _host_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)
