"""Replication, from the rung `replicated` up: no dead node loses an order."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from central_baseline import commands
from central_baseline.operating import copies_of
from tests.central_baseline.client import (
    Client,
    UpRung,
    client_of,
    fresh_reference,
)
from tests.central_baseline.load import Shoppers, assert_books_match
from tests.central_baseline.web_shop import superuser_dsn

NODES = ("db1", "db2", "db3")


@pytest.fixture
def rung(whole_rung: UpRung) -> UpRung:
    return whole_rung


@pytest.fixture
async def client(rung: UpRung) -> AsyncIterator[Client]:
    async with client_of(rung) as found:
        await until_healthy(found)
        yield found


def dsns(rung: UpRung) -> dict[str, str]:
    """The auditor's way to each node."""
    whole = rung.admin["dsn"]
    before, _, rest = whole.partition("@")
    places = rest.partition("/")[0].split(",")
    return {
        name: f"{before}@{place}/shop"
        for name, place in zip(NODES, places, strict=True)
    }


async def ask_node(rung: UpRung, node: str, sql: str) -> Any:
    """One value from one node, None when it does not answer."""
    try:
        connection = await asyncpg.connect(dsns(rung)[node], timeout=2)
        try:
            return await connection.fetchval(sql, timeout=2)
        finally:
            connection.terminate()
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return None


async def roles(rung: UpRung) -> dict[str, Any]:
    """True for a standby, False for the primary, None for who does not answer."""
    answers = await asyncio.gather(
        *(ask_node(rung, node, "SELECT pg_is_in_recovery()") for node in NODES)
    )
    return dict(zip(NODES, answers, strict=True))


async def primary(rung: UpRung) -> str:
    async with asyncio.timeout(60):
        while True:
            found = [
                node
                for node, standby in (await roles(rung)).items()
                if standby is False
            ]
            if len(found) == 1:
                return found[0]
            await asyncio.sleep(0.2)


async def until_primary_is_not(rung: UpRung, before: str) -> None:
    """Another node has been elected."""
    async with asyncio.timeout(90):
        found = before
        while found == before:
            await asyncio.sleep(0.2)
            found = await primary(rung)


async def until_healthy(client: Client) -> None:
    """The shop is ready, and either standby may be the second copy: before that the
    cluster still heals, and one more death is its second fault."""
    async with asyncio.timeout(90):
        while True:
            found = await roles(client.rung)
            ready = (await client.ask("GET", "/ready")).status == 200
            if sorted(map(str, found.values())) == ["False", "True", "True"] and ready:
                at = next(node for node, standby in found.items() if not standby)
                quorum = await ask_node(
                    client.rung, at, "SHOW synchronous_standby_names"
                )
                told = await copies_of(client.rung.admin["agents"])
                named = all(node in (quorum or "") for node in NODES if node != at)
                if named and told is not None and len(told.synchronous) == 2:
                    return
            await asyncio.sleep(0.2)


async def test_the_descriptor_names_every_node_and_the_rule(client: Client) -> None:
    rung = client.rung
    descriptor = rung.descriptor
    by_role = [c["name"] for c in descriptor["components"] if c["role"] == "database"]
    assert tuple(by_role) == NODES
    assert "synchronous quorum" in descriptor["durability"]
    assert {"from": "app1", "to": "db3"}.items() <= next(
        link for link in descriptor["links"] if link["to"] == "db3"
    ).items()
    at = await primary(rung)
    assert await ask_node(rung, at, "SHOW synchronous_commit") == "on"
    assert (await ask_node(rung, at, "SHOW synchronous_standby_names")).startswith(
        "ANY 1"
    )


async def test_the_cluster_keeps_the_settings_that_lose_nothing(client: Client) -> None:
    for agent in client.rung.admin["agents"].values():
        kept = (await client.ask("GET", f"{agent}/config")).body
        assert kept["synchronous_mode"] == "quorum"
        assert kept["synchronous_mode_strict"] is True
        assert kept["check_timeline"] is True
        assert kept["ttl"] == 20


async def test_no_order_is_lost_when_postgres_of_the_primary_dies(
    client: Client,
) -> None:
    tokens = await client.provision(6)
    before = await primary(client.rung)
    async with Shoppers(client, tokens) as shoppers:
        await shoppers.until_acknowledged(30)
        killed_at = time.monotonic()
        await client.rung.control("kill", component=before, process="postgres")
        await shoppers.until_acknowledged(len(tokens) + 1)
        await until_primary_is_not(client.rung, before)
        await shoppers.until_acknowledged(20)
    print(f"write outage {shoppers.history.longest_gap_s(killed_at):.2f} s")
    await until_healthy(client)
    await assert_books_match(client, shoppers.history)


@pytest.mark.long
async def test_no_order_is_lost_when_the_primary_s_node_dies(
    client: Client,
) -> None:
    tokens = await client.provision(6)
    before = await primary(client.rung)
    async with Shoppers(client, tokens) as shoppers:
        await shoppers.until_acknowledged(30)
        killed_at = time.monotonic()
        await client.rung.control("kill", component=before, restart_after_s=40)
        await until_primary_is_not(client.rung, before)
        await shoppers.until_acknowledged(20)
    print(f"write outage {shoppers.history.longest_gap_s(killed_at):.2f} s")
    await client.rung.control("restart", component=before)
    await until_healthy(client)
    await assert_books_match(client, shoppers.history)


@pytest.mark.long
@pytest.mark.timeout(400)
async def test_two_dead_nodes_stop_every_purchase_until_one_is_back(
    client: Client,
) -> None:
    """The old primary comes back when its successor is dead as well: it lacks what
    that one acknowledged, and must not lead again."""
    tokens = await client.provision(4)
    price = await client.price()
    first = await primary(client.rung)
    async with Shoppers(client, tokens) as shoppers:
        await shoppers.until_acknowledged(20)
        await client.rung.control("kill", component=first, restart_after_s=-1)
        await until_primary_is_not(client.rung, first)
        await shoppers.until_acknowledged(10)
        second = await primary(client.rung)
        await client.rung.control("kill", component=second, restart_after_s=-1)
        told = await client.buy(tokens[0], price=price)
        assert told.status == 503
        said = await asyncio.to_thread(commands.status, client.rung.folder)
        assert "1 of 3 database nodes run" in said["meaning"][0]
        await client.rung.control("restart", component=first)
        await shoppers.until_acknowledged(10)
        assert await primary(client.rung) not in {first, second}
        await client.rung.control("restart", component=second)
        await shoppers.until_acknowledged(10)
    await until_healthy(client)
    await assert_books_match(client, shoppers.history)


@pytest.mark.long
async def test_a_paused_primary_never_makes_two(client: Client) -> None:
    tokens = await client.provision(4)
    before = await primary(client.rung)
    async with Shoppers(client, tokens) as shoppers:
        await shoppers.until_acknowledged(20)
        await client.rung.control("pause", component=before)
        await until_primary_is_not(client.rung, before)
        await shoppers.until_acknowledged(20)
        await client.rung.control("resume", component=before)
        await shoppers.until_acknowledged(20)
    await until_healthy(client)
    await assert_books_match(client, shoppers.history)


@pytest.mark.long
async def test_a_dead_standby_costs_no_acknowledgement(client: Client) -> None:
    tokens = await client.provision(4)
    at = await primary(client.rung)
    standby = next(node for node in NODES if node != at)
    async with Shoppers(client, tokens, reading=True) as shoppers:
        await shoppers.until_acknowledged(10)
        await client.rung.control("kill", component=standby)
        await shoppers.until_acknowledged(30)
    assert shoppers.history.failed_gets == 0
    await until_healthy(client)
    await assert_books_match(client, shoppers.history)


async def test_writers_read_what_they_wrote_and_others_soon(client: Client) -> None:
    writer, other = await client.provision(2)
    for number in range(20):
        body = {"delivery": f"0x{number:02x}"}
        done = await client.ask("PUT", "/api/profile/delivery", body, writer)
        assert done.status == 200, done
        said = {"X-Written": done.headers["X-Written"]}
        seen = await client.ask("GET", "/api/profile", None, writer, said)
        assert seen.body["version"] == done.body["version"]
    seen = await client.ask("GET", "/api/profile", None, other)
    assert seen.status == 200


async def test_reads_are_answered_by_standbys(client: Client) -> None:
    at = await primary(client.rung)
    standbys = [node for node in NODES if node != at]
    count = "SELECT sum(xact_commit) FROM pg_stat_database WHERE datname = 'shop'"
    before = [await ask_node(client.rung, node, count) for node in standbys]

    def all_grew(now: list[Any]) -> bool:
        return all(
            a is not None and a > b + 40 for a, b in zip(now, before, strict=True)
        )

    async with asyncio.timeout(30):
        now = before
        while not all_grew(now):
            for _ in range(20):
                await client.ask("GET", "/api/catalogue")
            now = [await ask_node(client.rung, node, count) for node in standbys]


@pytest.mark.long
@pytest.mark.timeout(400)
async def test_one_standby_cut_off_costs_nothing_and_both_stop_every_purchase(
    client: Client,
) -> None:
    """A paused node is what a partition looks like from the other side: connections
    stay and nothing comes."""
    tokens = await client.provision(4)
    at = await primary(client.rung)
    first, second = (node for node in NODES if node != at)
    price = await client.price()
    async with Shoppers(client, tokens) as shoppers:
        await client.rung.control("pause", component=first)
        await shoppers.until_acknowledged(30)
        await client.rung.control("pause", component=second)
        reference = fresh_reference()
        told = await client.buy(tokens[0], reference, price=price)
        assert told.status == 503
        assert told.reason in {"outcome_unknown", "database_unavailable", "overloaded"}
        assert (await client.ask("GET", "/api/catalogue")).status == 200
        for node in (first, second):
            await client.rung.control("resume", component=node)
        await shoppers.until_acknowledged(20)
    await until_healthy(client)
    answer = await client.buy(tokens[0], reference, price=price)
    assert answer.status in {200, 201}
    await assert_books_match(client, shoppers.history)


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_twenty_dead_primaries_lose_and_double_nothing(client: Client) -> None:
    tokens = await client.provision(6)
    dice = random.Random(20)
    outages = []
    async with Shoppers(client, tokens) as shoppers:
        for _ in range(20):
            await shoppers.until_acknowledged(dice.randrange(1, 60))
            at = await primary(client.rung)
            killed_at = time.monotonic()
            await client.rung.control("kill", component=at, process="postgres")
            await until_primary_is_not(client.rung, at)
            await shoppers.until_acknowledged(len(tokens) + 1)
            outages.append(shoppers.history.longest_gap_s(killed_at))
            await until_healthy(client)
    await assert_books_match(client, shoppers.history)
    print("write outages, s:", " ".join(f"{outage:.2f}" for outage in sorted(outages)))


@pytest.mark.long
async def test_a_cancelled_wait_then_a_retry_then_a_failover_loses_nothing(
    client: Client,
) -> None:
    token = (await client.provision())[0]
    price = await client.price()
    at = await primary(client.rung)
    standbys = [node for node in NODES if node != at]
    for node in standbys:
        await client.rung.control("kill", component=node, restart_after_s=-1)
    reference = fresh_reference()
    purchase = asyncio.create_task(client.buy(token, reference, price=price))
    await cancel_waiting_commit(client.rung, at)
    told = await purchase
    # It is committed on one disk only, and PostgreSQL said success to its client.
    assert (told.status, told.reason) == (503, "outcome_unknown")
    retry = asyncio.create_task(client.buy(token, reference, price=price))
    for node in standbys:
        await client.rung.control("restart", component=node)
    answer = await retry
    while answer.status == 503:
        answer = await client.buy(token, reference, price=price)
    assert answer.status in {200, 201}
    await until_healthy(client)
    at = await primary(client.rung)
    await client.rung.control("kill", component=at, process="postgres")
    await until_primary_is_not(client.rung, at)
    await until_healthy(client)
    found = [o for o in await client.all_orders() if o["reference"] == reference]
    assert [order["id"] for order in found] == [answer.body["id"]]


async def cancel_waiting_commit(rung: UpRung, node: str) -> None:
    """Cancel the backend that waits for the standbys, as an impatient operator does."""
    dsn = superuser_dsn(rung.layout, dsns(rung)[node])
    connection = await asyncpg.connect(dsn)
    try:
        async with asyncio.timeout(30):
            cancelled = None
            while not cancelled:
                cancelled = await connection.fetchval(
                    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity "
                    "WHERE wait_event = 'SyncRep' AND usename = 'shop'"
                )
                await asyncio.sleep(0.05)
    finally:
        await connection.close()
