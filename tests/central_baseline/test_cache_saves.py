"""PostgreSQL's own counters say what the cache saves of the browse mix."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.central_baseline.client import DESIGN, Client, UpRung, client_of
from tests.central_baseline.test_replicated import dsns, until_healthy
from tests.central_baseline.web_shop import superuser_dsn

SESSIONS = 30
# Each read of the shop scans exactly one of these once: catalogue and quote the first,
# profile the second, own orders the third.
COUNTED = """
SELECT coalesce(sum(seq_scan + coalesce(idx_scan, 0)), 0)::bigint
FROM pg_stat_user_tables WHERE relname IN ('shop_state', 'accounts', 'orders')
"""


@pytest.fixture
async def client(whole_rung: UpRung) -> AsyncIterator[Client]:
    async with client_of(whole_rung) as found:
        await until_healthy(found)
        yield found


async def selects(rung: UpRung) -> int:
    """Scans that all nodes have counted. Backends tell what they did when they end, so
    the shop's are ended first."""
    total = 0
    for dsn in dsns(rung).values():
        connection = await asyncpg.connect(superuser_dsn(rung.layout, dsn))
        try:
            old = await connection.fetch(
                "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE usename = 'shop'"
            )
            pids, left = [row["pid"] for row in old], len(old)
            async with asyncio.timeout(20):
                while left:
                    await asyncio.sleep(0.02)
                    left = await connection.fetchval(
                        "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY($1)",
                        pids,
                    )
            total += await connection.fetchval(COUNTED)
        finally:
            await connection.close()
    return total


async def hits(client: Client) -> list[float]:
    """What each app server has found in the cache so far."""
    found = []
    for base in client.rung.admin["urls"]:
        text = (await client.ask("GET", base + "/metrics")).body.decode()
        start = 'shop_cache_total{result="hit"} '
        counts = [line for line in text.splitlines() if line.startswith(start)]
        found.append(float(counts[0].split()[1]) if counts else 0.0)
    return found


async def until_cached(client: Client) -> None:
    """Every app server uses the cache: one that it has just missed it passes by."""
    before = await hits(client)
    async with asyncio.timeout(30):
        now = before
        while not all(b > a for a, b in zip(before, now, strict=True)):
            for _ in range(10):
                await client.ask("GET", "/api/catalogue")
            now = await hits(client)


async def browse(client: Client, token: str) -> int:
    """A shopper who looks around: how many requests it was."""
    asked = 0
    for _ in range(2):
        shelf = await client.ask("GET", "/api/catalogue")
        quoted = await client.ask(
            "POST", "/api/quote", {"design": DESIGN, "quantity": 1}
        )
        assert (shelf.status, quoted.status) == (200, 200)
        asked += 2
    for path in ("/api/profile", "/api/orders"):
        assert (await client.ask("GET", path, token=token)).status == 200
        asked += 1
    return asked


async def test_the_cache_at_least_halves_the_selects_of_browsing(
    client: Client,
) -> None:
    token = (await client.provision())[0]
    await until_cached(client)

    async def cost() -> tuple[int, int]:
        before = await selects(client.rung)
        asked = [await browse(client, token) for _ in range(SESSIONS)]
        return sum(asked), await selects(client.rung) - before

    asked, with_cache = await cost()
    await client.rung.control("kill", component="cache", restart_after_s=-1)
    try:
        _, without = await cost()
    finally:
        await client.rung.control("restart", component="cache")
    print(f"{asked} requests: {with_cache} selects with the cache, {without} without")
    assert without >= asked
    assert with_cache * 2 <= without
