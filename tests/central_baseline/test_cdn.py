"""The rung `cdn`, the whole ladder at once: cache, edges, name servers."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from central_baseline import commands
from central_baseline.dns.client import resolve, resolve_any
from tests.central_baseline.client import Answer, Client, UpRung, client_of

REGIONS = {"eu": "127.1.0.1", "us": "127.2.0.1", "ap": "127.3.0.1"}


@pytest.fixture
def rung(whole_rung: UpRung) -> UpRung:
    return whole_rung


@pytest.fixture
async def client(rung: UpRung) -> AsyncIterator[Client]:
    async with client_of(rung) as found:
        yield found


def name_servers(rung: UpRung) -> list[tuple[str, int]]:
    places = [entry.split(":") for entry in rung.admin["dns"]["name_servers"]]
    return [(host, int(port)) for host, port in places]


async def host_for(rung: UpRung, region: str) -> str:
    """What the name leads to, for a shopper of the region."""
    found = await resolve_any(
        rung.admin["dns"]["name"], name_servers(rung), REGIONS[region]
    )
    assert found is not None
    return found[0]


async def until_host(rung: UpRung, region: str, host: str) -> None:
    async with asyncio.timeout(20):
        found = await host_for(rung, region)
        while found != host:
            await asyncio.sleep(0.1)
            found = await host_for(rung, region)


async def from_edge(client: Client, region: str, path: str) -> Answer:
    host = await host_for(client.rung, region)
    port = client.url.rpartition(":")[2]
    return await client.ask("GET", f"http://{host}:{port}{path}")


async def test_every_region_is_sent_to_its_edge(rung: UpRung) -> None:
    for number, region in enumerate(REGIONS, start=1):
        await until_host(rung, region, f"127.0.1.{number}")


async def test_an_edge_keeps_static_files_and_nothing_else(client: Client) -> None:
    first = await from_edge(client, "eu", "/static/shop.css")
    again = await from_edge(client, "eu", "/static/shop.css")
    assert (first.status, again.status) == (200, 200)
    assert again.headers["X-Cache-Status"] == "HIT"
    assert (again.headers["X-Edge"], again.body) == ("eu", first.body)
    shelf = await from_edge(client, "eu", "/api/catalogue")
    assert shelf.status == 200
    assert "X-Cache-Status" not in shelf.headers
    assert (await from_edge(client, "eu", "/admin/ledger")).status == 404
    assert (await from_edge(client, "eu", "/metrics")).status == 404


async def test_a_dead_edge_is_left_for_the_next_nearest(client: Client) -> None:
    await client.rung.control("kill", component="edge-ap", restart_after_s=-1)
    await until_host(client.rung, "ap", "127.0.1.2")
    assert (await from_edge(client, "ap", "/")).status == 200
    await client.rung.control("restart", component="edge-ap")
    await until_host(client.rung, "ap", "127.0.1.3")


async def test_one_of_two_name_servers_is_enough(client: Client) -> None:
    await client.rung.control("kill", component="dns1", restart_after_s=-1)
    place = name_servers(client.rung)[0]
    assert await resolve(client.rung.admin["dns"]["name"], *place) is None
    assert await host_for(client.rung, "us") == "127.0.1.2"
    await client.rung.control("restart", component="dns1")


async def test_without_its_origin_an_edge_still_shows_what_it_has(
    client: Client,
) -> None:
    kept = await from_edge(client, "us", "/static/candle.svg")
    await client.rung.control("kill", component="balancer", restart_after_s=-1)
    shown = await from_edge(client, "us", "/static/candle.svg")
    assert (shown.status, shown.body) == (200, kept.body)
    assert (await from_edge(client, "us", "/api/catalogue")).status == 502
    said = await asyncio.to_thread(commands.status, client.rung.folder)
    static_only = "nothing but the static files that edges keep is served"
    assert [f"{static_only} until balancer is back"] == said["meaning"]
    assert {said["primary"], *said["copies"]} == {"db1", "db2", "db3"}
    await client.rung.control("restart", component="balancer")
    assert (await from_edge(client, "us", "/api/catalogue")).status == 200


async def test_the_cache_saves_most_selects_of_browsing(client: Client) -> None:
    async def queries_for(reads: int) -> float:
        before = await misses(client)
        for _ in range(reads):
            assert (await client.ask("GET", "/api/catalogue")).status == 200
        return await misses(client) - before

    assert await queries_for(200) <= 100


async def misses(client: Client) -> float:
    """Catalogue reads that reached the database, over all app servers."""
    total = 0.0
    for base in client.rung.admin["urls"]:
        text = (await client.ask("GET", base + "/metrics")).body.decode()
        for line in text.splitlines():
            if line.startswith('shop_cache_total{result="miss"}'):
                total += float(line.split()[-1])
    return total


async def test_a_dead_cache_is_not_noticed(client: Client) -> None:
    await client.rung.control("kill", component="cache", restart_after_s=-1)
    for _ in range(10):
        assert (await client.ask("GET", "/api/catalogue")).status == 200
    token = (await client.provision())[0]
    assert (await client.buy(token)).status == 201
    await client.rung.control("restart", component="cache")


async def test_a_changed_price_is_seen_at_once_by_who_changed_it(
    client: Client,
) -> None:
    owner = (await client.provision(roles=["owner"]))[0]
    shelf = (await client.ask("GET", "/api/catalogue")).body
    design, old = shelf["skus"][7]["design"], int(shelf["skus"][7]["price"])
    change = {"prices": [{"design": design, "price": str(old + 5)}]}
    assert (await client.ask("PUT", "/api/prices", change, owner)).status == 200
    async with asyncio.timeout(10):  # the documented bound is 2 s
        price = old
        while price != old + 5:
            price = await client.price(design)
