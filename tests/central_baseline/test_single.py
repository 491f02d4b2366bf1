"""The rung `single`: everything dies at once, and nothing acknowledged is lost."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import psutil
import pytest

from central_baseline import commands
from tests.central_baseline.client import Client, UpRung, client_of
from tests.central_baseline.conftest import up
from tests.central_baseline.load import Shoppers, assert_books_match


@pytest.fixture(scope="module")
def rung(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpRung]:
    folder = tmp_path_factory.mktemp("single")
    yield up(folder, "single")
    commands.down(folder)


@pytest.fixture
async def client(rung: UpRung) -> AsyncIterator[Client]:
    async with client_of(rung) as found:
        yield found


async def test_the_descriptor_names_one_failure_unit(rung: UpRung) -> None:
    descriptor = rung.descriptor
    assert descriptor["schema"] == 1
    assert (descriptor["world"], descriptor["rung"]) == ("central", "single")
    assert descriptor["components"] == [{"name": "server", "role": "server"}]
    assert descriptor["software"]["postgresql"].startswith("18.")
    assert "fsync" in descriptor["durability"]


async def test_kill_9_takes_web_and_database_down_together(client: Client) -> None:
    entry = await client.rung.component("server")
    process = psutil.Process(entry["pid"])
    siblings = [
        child
        for child in psutil.Process(process.ppid()).children()
        if "central_baseline.web" in child.cmdline() or child.name() == "postgres"
    ]
    assert len(siblings) == 2
    await client.rung.control("kill", component="server", restart_after_s=-1)
    assert not any(child.is_running() for child in siblings)
    assert (await client.rung.component("server"))["exit"] == "signal 9"
    await client.rung.control("restart", component="server")
    assert (await client.ask("GET", "/ready")).status == 200


async def test_no_acknowledged_order_is_lost_by_kill_9(client: Client) -> None:
    tokens = await client.provision(8)
    before = await client.rung.component("server")
    async with Shoppers(client, tokens) as shoppers:
        for kill in range(2):
            await shoppers.until_acknowledged(40)
            await client.rung.control("kill", component="server")
            await client.rung.until("server", "running", before["restarts"] + kill + 1)
        await shoppers.until_acknowledged(40)
    assert shoppers.history.retried > 0
    await assert_books_match(client, shoppers.history)


async def test_cpu_time_counts_the_dead(client: Client) -> None:
    before = await client.rung.component("server")
    await client.rung.control("kill", component="server", restart_after_s=0)
    after = await client.rung.until("server", "running", before["restarts"] + 1)
    assert after["cpu_seconds"] >= before["cpu_seconds"] > 0
    assert after["write_bytes"] >= before["write_bytes"] > 0


def test_orders_outlive_down_and_up(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("again")

    async def buy_one() -> tuple[str, dict[str, object]]:
        async with client_of(UpRung("single", folder)) as client:
            token = (await client.provision())[0]
            bought = await client.buy(token)
            assert bought.status == 201
            return token, bought.body

    async def look_up(token: str, number: object) -> object:
        async with client_of(UpRung("single", folder)) as client:
            return (await client.ask("GET", f"/api/orders/{number}", token=token)).body

    up(folder, "single")
    token, bought = asyncio.run(buy_one())
    assert commands.down(folder) == ["server"]
    up(folder, "single")
    assert asyncio.run(look_up(token, bought["id"])) == bought
    commands.down(folder)
