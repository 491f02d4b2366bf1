"""The rung `database`: app and database die separately."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from central_baseline import commands
from tests.central_baseline.client import Client, UpRung, client_of
from tests.central_baseline.conftest import up
from tests.central_baseline.load import Shoppers, assert_books_match


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
    await client.rung.control("kill", component="database", restart_after_s=-1)
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
