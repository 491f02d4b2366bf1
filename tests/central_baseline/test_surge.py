"""A holiday surge: servers come by themselves, leave again, and nobody is refused."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from central_baseline import commands
from central_baseline.config import Settings
from tests.central_baseline.client import UpRung, client_of
from tests.central_baseline.conftest import UP_TIMEOUT_S
from tests.central_baseline.load import Shoppers, assert_books_match


@pytest.fixture
def rung(tmp_path: Path) -> Iterator[UpRung]:
    folder = tmp_path / "surge"
    settings = Settings("horizontal", folder, servers=1, autoscale=3)
    commands.up(settings, UP_TIMEOUT_S)
    yield UpRung("horizontal", folder)
    commands.down(folder)


async def until_servers(rung: UpRung, count: int) -> None:
    async with asyncio.timeout(120):
        seen = -1
        while seen != count:
            await asyncio.sleep(0.5)
            listing = await rung.control("list")
            seen = sum(
                c["role"] == "web" and c["state"] == "running"
                for c in listing["components"]
            )


@pytest.mark.long
@pytest.mark.timeout(400)
async def test_a_surge_is_served_and_paid_for(rung: UpRung) -> None:
    async with client_of(rung) as client:
        tokens = await client.provision(24)
        async with Shoppers(client, tokens, reading=True) as shoppers:
            await until_servers(rung, 3)
            await shoppers.until_acknowledged(200)
        async with Shoppers(client, tokens[:1], reading=True) as quiet:
            await until_servers(rung, 1)
        await assert_books_match(client, shoppers.history)
    for history in (shoppers.history, quiet.history):
        assert set(history.statuses) == {"201"}
        assert history.failed_gets == 0
    lines = rung.layout.log("server-hours").read_text().splitlines()
    bill = [json.loads(line) for line in lines]
    assert bill[0]["wanted"] > bill[0]["servers"]
    assert bill[-1]["wanted"] < bill[-1]["servers"]
    paid = [line["server_seconds"] for line in bill]
    assert paid == sorted(paid)
