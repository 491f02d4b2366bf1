"""The rung `horizontal`: a dead app server is nobody's problem but its own."""

from collections.abc import AsyncIterator, Iterator

import pytest

from central_baseline import commands
from central_baseline.config import Layout
from central_baseline.errors import CentralError
from central_baseline.servers.haproxy import Runtime
from tests.central_baseline.client import Client, UpRung, client_of
from tests.central_baseline.conftest import up
from tests.central_baseline.load import Shoppers, assert_books_match


@pytest.fixture(scope="module")
def rung(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpRung]:
    folder = tmp_path_factory.mktemp("horizontal")
    yield up(folder, "horizontal", servers=2)
    commands.down(folder)


@pytest.fixture
async def client(rung: UpRung) -> AsyncIterator[Client]:
    async with client_of(rung) as found:
        yield found


def balancer(rung: UpRung) -> Runtime:
    return Runtime(Layout(rung.folder).run / "lb" / "ha.sock")


async def members(rung: UpRung) -> dict[str, str]:
    """Server names and states by HAProxy's own figures."""
    return {
        row["svname"]: row["status"]
        for row in await balancer(rung).stats()
        if row["pxname"] == "app" and row["svname"] != "BACKEND"
    }


async def test_kill_9_of_an_app_server_fails_no_read_and_loses_no_order(
    client: Client,
) -> None:
    tokens = await client.provision(8)
    before = await client.rung.component("app1")
    async with Shoppers(client, tokens, reading=True) as shoppers:
        await shoppers.until_acknowledged(40)
        await client.rung.control("kill", component="app1")
        await shoppers.until_acknowledged(40)
        await client.rung.until("app1", "running", before["restarts"] + 1)
        await shoppers.until_acknowledged(40)
    assert shoppers.history.gets > 0
    assert shoppers.history.failed_gets == 0
    # A purchase fails only where it was under way on the dead server.
    assert shoppers.history.retried <= len(tokens)
    await assert_books_match(client, shoppers.history)


async def test_scaling_out_and_in_under_load_fails_no_request(client: Client) -> None:
    tokens = await client.provision(6)
    async with Shoppers(client, tokens, reading=True) as shoppers:
        await client.rung.control("scale", role="web", count=3)
        assert set(await members(client.rung)) == {"app1", "app2", "app3"}
        await shoppers.until_acknowledged(40)
        await client.rung.control("scale", role="web", count=1)
        await shoppers.until_acknowledged(20)
    assert set(await members(client.rung)) == {"app1"}
    assert set(shoppers.history.statuses) == {"201"}
    assert shoppers.history.failed_gets == 0
    await client.rung.control("scale", role="web", count=2)
    await assert_books_match(client, shoppers.history)


async def test_impossible_scales_are_refused_with_what_is_possible(
    rung: UpRung,
) -> None:
    with pytest.raises(CentralError, match="between 1 and 8"):
        await rung.control("scale", role="web", count=0)
    with pytest.raises(CentralError, match="it can scale: web"):
        await rung.control("scale", role="database", count=2)


async def test_a_graceful_restart_drains_first(client: Client) -> None:
    tokens = await client.provision(4)
    async with Shoppers(client, tokens, reading=True) as shoppers:
        await shoppers.until_acknowledged(10)
        await client.rung.control("restart", component="app2")
        await shoppers.until_acknowledged(10)
    assert set(shoppers.history.statuses) == {"201"}
    assert shoppers.history.failed_gets == 0


async def test_the_public_address_has_no_admin_routes(client: Client) -> None:
    known = client.rung.admin
    for path in ("/admin/orders", "/admin/ledger", "/metrics"):
        reply = await client.ask("GET", path, token=known["token"])
        assert (reply.status, reply.reason) == (404, "no_such_page")
