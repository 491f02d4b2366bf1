"""The rung `database`: app and database die separately."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from central_baseline import commands
from central_baseline.rungs import ServerSize
from central_baseline.supervisor.memory import Segments
from tests.central_baseline.client import Client, UpRung, client_of
from tests.central_baseline.conftest import up
from tests.central_baseline.load import Shoppers, assert_books_match
from tests.central_baseline.web_shop import superuser_dsn


@pytest.fixture(scope="module")
def rung(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpRung]:
    folder = tmp_path_factory.mktemp("database-kills")
    yield up(folder, "database")
    commands.down(folder)


@pytest.fixture
async def client(rung: UpRung) -> AsyncIterator[Client]:
    async with client_of(rung) as found:
        yield found


@pytest.mark.parametrize("component", ["app1", "database"])
async def test_no_acknowledged_order_is_lost_when_it_is_killed(
    client: Client, component: str
) -> None:
    tokens = await client.provision(8)
    before = await client.rung.component(component)
    async with Shoppers(client, tokens) as shoppers:
        await shoppers.until_acknowledged(40)
        await client.rung.control("kill", component=component)
        await client.rung.until(component, "running", before["restarts"] + 1)
        await shoppers.until_acknowledged(40)
    await assert_books_match(client, shoppers.history)


async def test_a_dead_database_is_said_and_the_app_lives_on(client: Client) -> None:
    token = (await client.provision())[0]
    price = await client.price()
    app_before = await client.rung.component("app1")
    memory = Segments()
    memory.note([(await client.rung.component("database"))["pid"]])
    assert memory.files
    assert all(file.exists() for file in memory.files)
    await client.rung.control("kill", component="database", restart_after_s=-1)
    assert not [file for file in memory.files if file.exists()]
    assert memory.ids.isdisjoint(system_v_ids())
    refused = await client.buy(token, price=price)
    assert (refused.status, refused.reason) in {
        (503, "database_unavailable"),
        (503, "outcome_unknown"),
    }
    assert (await client.ask("GET", "/ready")).status == 503
    assert (await client.ask("GET", "/live")).status == 200
    await client.rung.control("restart", component="database")
    assert (await client.buy(token, price=price)).status == 201
    assert (await client.rung.component("app1"))["pid"] == app_before["pid"]


def system_v_ids() -> set[int]:
    """Segments that this machine has now."""
    lines = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return {int(line.split()[1]) for line in lines}


async def test_commits_that_wait_for_a_standby_keep_no_reader_out(
    client: Client,
) -> None:
    """With no standby left each write waits, and holds a connection meanwhile."""
    most = ServerSize().connections
    tokens = await client.provision(most + 4)
    change = {"delivery": "0x0b"}
    rung = client.rung
    sql = await asyncpg.connect(superuser_dsn(rung.layout, rung.admin["dsn"]))
    await sql.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    await sql.execute("SELECT pg_reload_conf()")
    try:
        writes = [
            asyncio.create_task(
                client.ask("PUT", "/api/profile/delivery", change, token)
            )
            for token in tokens
        ]
        await _until_waiting(sql, most)
        assert (await client.ask("GET", "/api/catalogue")).status == 200
        assert (await client.ask("GET", "/ready")).status == 200
    finally:
        await sql.execute("ALTER SYSTEM RESET synchronous_standby_names")
        await sql.execute("SELECT pg_reload_conf()")
        await sql.close()
    answers = await asyncio.gather(*writes)
    assert {answer.status for answer in answers} <= {200, 503}


async def _until_waiting(sql: asyncpg.Connection, count: int) -> None:
    """So many commits wait for a standby."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    async with asyncio.timeout(60):
        while True:
            if await sql.fetchval(waiting) >= count:
                return
            await asyncio.sleep(0.05)


async def test_a_paused_database_stalls_and_nothing_is_lost(client: Client) -> None:
    tokens = await client.provision(4)
    async with Shoppers(client, tokens) as shoppers:
        await shoppers.until_acknowledged(10)
        await client.rung.control("pause", component="database")
        assert (await client.rung.component("database"))["state"] == "paused"
        stalled = len(shoppers.history.acknowledged)
        await asyncio.gather(
            *(client.ask("GET", "/live") for _ in range(20))  # the app still answers
        )
        assert len(shoppers.history.acknowledged) <= stalled + len(tokens)
        await client.rung.control("resume", component="database")
        await shoppers.until_acknowledged(10)
    await assert_books_match(client, shoppers.history)
