"""Edges by name: asked from the customer's region, kept as long as the TTL says."""

import asyncio
from collections import Counter
from typing import Any, cast

import pytest
from dnslib import QTYPE, RR, A, DNSRecord

from bench.adapters.names import Names

NETWORKS = {"127.1.0.0/16": "eu", "127.2.0.0/16": "us"}
EDGES = {"127.1": "127.0.1.1", "127.2": "127.0.1.2"}


class NameServer(asyncio.DatagramProtocol):
    """Answers by the network that asks, and counts."""

    def __init__(self, ttl_s: int) -> None:
        self.ttl_s = ttl_s
        self.asked: Counter[str] = Counter()
        self.edges = dict(EDGES)
        self.is_silent = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        network = addr[0].rsplit(".", 2)[0]
        self.asked[network] += 1
        if self.is_silent:
            return
        request = DNSRecord.parse(data)
        reply = request.reply()
        address = A(self.edges[network])
        reply.add_answer(RR("shop.test", QTYPE.A, rdata=address, ttl=self.ttl_s))
        self.transport.sendto(reply.pack(), addr)


async def serve(ttl_s: int) -> tuple[NameServer, Names]:
    loop = asyncio.get_running_loop()
    server = NameServer(ttl_s)
    transport, _ = await loop.create_datagram_endpoint(
        lambda: server, local_addr=("127.0.0.1", 0)
    )
    port = transport.get_extra_info("sockname")[1]
    dns = {
        "name": "shop.test",
        "name_servers": [f"127.0.0.1:{port}"],
        "networks": NETWORKS,
    }
    return server, Names(dns, 8080)


async def test_every_customer_asks_from_its_own_region() -> None:
    server, names = await serve(ttl_s=60)
    assert await names.base_url(0) == "http://127.0.1.1:8080"
    assert await names.base_url(1) == "http://127.0.1.2:8080"
    assert await names.base_url(2) == "http://127.0.1.1:8080"
    assert server.asked == {"127.1": 1, "127.2": 1}, "kept as long as the TTL says"
    server.transport.close()


async def test_an_answer_that_is_too_old_is_asked_for_again() -> None:
    server, names = await serve(ttl_s=0)
    assert await names.base_url(0) == "http://127.0.1.1:8080"
    server.edges["127.1"] = "127.0.1.2"
    assert await names.base_url(0) == "http://127.0.1.2:8080"
    server.transport.close()


async def test_many_customers_of_a_region_ask_once() -> None:
    server, names = await serve(ttl_s=60)
    urls = await asyncio.gather(*(names.base_url(2 * n) for n in range(50)))
    assert set(urls) == {"http://127.0.1.1:8080"}
    assert server.asked == {"127.1": 1}
    server.transport.close()


async def test_without_name_servers_the_last_answer_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bench.adapters.names.TIMEOUT_S", 0.05)
    server, names = await serve(ttl_s=0)
    assert await names.base_url(0) == "http://127.0.1.1:8080"
    server.is_silent = True
    assert await names.base_url(0) == "http://127.0.1.1:8080"
    assert await names.base_url(1) is None, "never resolved"
    server.transport.close()
