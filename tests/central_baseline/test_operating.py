"""A switchover and a rolling restart, under load: nothing fails for long, nothing is
lost. And the yardstick beside the shop."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from central_baseline import operating, yardstick
from central_baseline.errors import CentralError, UsageError
from tests.central_baseline.client import Client, UpRung, client_of
from tests.central_baseline.load import Shoppers, assert_books_match
from tests.central_baseline.test_replicated import NODES, primary, until_healthy


@pytest.fixture
async def client(whole_rung: UpRung) -> AsyncIterator[Client]:
    async with client_of(whole_rung) as found:
        await until_healthy(found)
        yield found


async def test_a_switchover_moves_the_primary_and_loses_nothing(
    client: Client,
) -> None:
    before = await primary(client.rung)
    to = next(node for node in NODES if node != before)
    tokens = await client.provision(4)
    async with Shoppers(client, tokens) as shoppers:
        await shoppers.until_acknowledged(10)
        moved = await asyncio.to_thread(operating.switchover, client.rung.folder, to)
        await shoppers.until_acknowledged(10)
    assert moved == (before, to)
    assert await primary(client.rung) == to
    await assert_books_match(client, shoppers.history)


async def test_only_a_copy_can_take_over(client: Client) -> None:
    at = await primary(client.rung)
    with pytest.raises(UsageError, match=f"{at} cannot take over"):
        await asyncio.to_thread(operating.switchover, client.rung.folder, at)


@pytest.mark.long
@pytest.mark.timeout(400)
async def test_a_rolling_restart_fails_no_read_and_loses_nothing(
    client: Client,
) -> None:
    tokens = await client.provision(4)
    was = await primary(client.rung)
    async with Shoppers(client, tokens, reading=True) as shoppers:
        done = await asyncio.to_thread(
            lambda: list(operating.rolling_restart(client.rung.folder))
        )
        await shoppers.until_acknowledged(10)
    assert done[2] == was
    assert done[:3] != list(NODES) or was == NODES[-1]
    assert {"app1", "app2", "cache", "dns1", "dns2"} < set(done)
    assert "balancer" not in done
    assert shoppers.history.failed_gets == 0
    await until_healthy(client)
    await assert_books_match(client, shoppers.history)


def test_nothing_can_be_operated_that_is_not_up(tmp_path: Path) -> None:
    with pytest.raises(CentralError, match="nothing runs"):
        operating.switchover(tmp_path)


def test_a_rung_without_a_second_one_says_so(database_rung: UpRung) -> None:
    with pytest.raises(UsageError, match="no standby"):
        operating.switchover(database_rung.folder)
    with pytest.raises(UsageError, match="no second one"):
        list(operating.rolling_restart(database_rung.folder))


async def test_pgbench_and_shop_buy_on_the_same_books(shop: Client) -> None:
    before = len(await shop.all_orders())
    measured = await asyncio.to_thread(
        lambda: yardstick.measure(shop.rung.folder, turns=1, turn_s=1)
    )
    assert min(*measured.shop, *measured.pgbench) > 0
    bought = len(await shop.all_orders()) - before
    # One turn of a second each, and the warm-up of the shop's own.
    assert bought > measured.shop[0] + measured.pgbench[0] * 0.5
    ledger = (await shop.admin("GET", "/admin/ledger")).body
    assert ledger["conserved"] is True
    lines = yardstick.report("database", measured)
    assert f"ratio {measured.ratio:.2f}" in lines[-1]
