"""The name server process: answers over UDP, looks after the edges' health.

It is authoritative for one name and refuses all others; it never resolves on anybody's
behalf. A malformed datagram is dropped. Two failed looks take an edge out, one good
look brings it back.
"""

import asyncio
import logging
import signal
from typing import cast

from dnslib import QTYPE, RCODE, RR, A, DNSError, DNSRecord

from central_baseline.dns.zone import TTL_S, Edge, ZoneSettings, answer_for
from central_baseline.servers.nginx import HEALTH
from central_baseline.servers.probes import http_status

FAILURES_TO_LEAVE = 2

LOG = logging.getLogger("chandlery.dns")


class Health:
    """Which regions' edges answer."""

    def __init__(self, settings: ZoneSettings) -> None:
        self._settings = settings
        self._failures = dict.fromkeys((edge.region for edge in settings.edges), 0)

    @property
    def regions(self) -> set[str]:
        return {
            region
            for region, failures in self._failures.items()
            if failures < FAILURES_TO_LEAVE
        }

    async def watch(self) -> None:
        """Look at every edge for ever."""
        while True:
            await asyncio.gather(*(self._look(edge) for edge in self._settings.edges))
            await asyncio.sleep(self._settings.look_every_s)

    async def _look(self, edge: Edge) -> None:
        before = self.regions
        patience_s = self._settings.look_patience_s
        if await http_status(edge.host, edge.port, HEALTH, patience_s) == 200:
            self._failures[edge.region] = 0
        else:
            self._failures[edge.region] += 1
        if self.regions != before:
            LOG.warning("healthy edges: %s", ", ".join(sorted(self.regions)) or "none")


class Answers(asyncio.DatagramProtocol):
    """One datagram in, one out."""

    def __init__(self, settings: ZoneSettings, health: Health) -> None:
        self._settings = settings
        self._health = health
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio's own transports are no subclass of what it declares them to be.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        reply = reply_to(self._settings, data, address[0], self._health.regions)
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply, address)


def reply_to(
    settings: ZoneSettings, data: bytes, address: str, healthy: set[str]
) -> bytes | None:
    """The answer to one datagram; None for what is not a question."""
    try:
        asked = DNSRecord.parse(data)
    except (DNSError, ValueError, IndexError, UnicodeError):
        return None
    if asked.header.qr or len(asked.questions) != 1:
        return None
    reply = asked.reply(ra=0, aa=1)
    question = asked.questions[0]
    name = str(question.qname).rstrip(".").lower()
    if name != settings.name:
        reply.header.rcode = RCODE.REFUSED
    elif question.qtype in {QTYPE.A, QTYPE.ANY}:
        found = answer_for(settings, address, healthy)
        reply.add_answer(RR(question.qname, QTYPE.A, rdata=A(found), ttl=TTL_S))
    packed: bytes = reply.pack()
    return packed


async def serve(settings: ZoneSettings) -> None:
    """Answer until SIGTERM."""
    loop = asyncio.get_running_loop()
    health = Health(settings)
    transport, _ = await loop.create_datagram_endpoint(
        lambda: Answers(settings, health), local_addr=(settings.host, settings.port)
    )
    watching = asyncio.ensure_future(health.watch())
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    watching.cancel()
    transport.close()
