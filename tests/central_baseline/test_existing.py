"""A rung on a PostgreSQL that exists already: used, and left alone."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from central_baseline import commands
from central_baseline.composition.existing import existing_database, look_at
from central_baseline.config import Secrets, Settings
from central_baseline.errors import RefusedError, StartError, UsageError
from tests.central_baseline.client import UpRung, client_of
from tests.central_baseline.conftest import UP_TIMEOUT_S, up
from tests.central_baseline.web_shop import superuser_dsn


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A superuser's, of a server that another rung keeps."""
    folder = tmp_path_factory.mktemp("elsewhere")
    rung = up(folder, "database")
    place = superuser_dsn(rung.layout, rung.admin["dsn"])
    yield place.replace("/shop", "/postgres")
    commands.down(folder)


async def buy_one(rung: UpRung) -> None:
    async with client_of(rung) as client:
        token = (await client.provision())[0]
        assert (await client.buy(token)).status == 201


async def orders_in(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM orders"))
    finally:
        await connection.close()


def test_the_shop_sells_from_it_and_down_leaves_it_running(
    dsn: str, tmp_path: Path
) -> None:
    folder = tmp_path / "rung"
    commands.up(Settings("horizontal", folder, database_dsn=dsn), UP_TIMEOUT_S)
    try:
        rung = UpRung("horizontal", folder)
        asyncio.run(buy_one(rung))
        known = rung.descriptor
        assert [c["name"] for c in known["components"]] == ["app1", "app2", "balancer"]
        assert known["software"]["postgresql"].startswith("18.")
        place = dsn.rpartition("@")[2].partition("/")[0]
        assert place in known["durability"]
        link = {"from": "app1", "to": "database", "address": place}
        assert link in known["links"]
        assert rung.layout.settings.stat().st_mode & 0o077 == 0
    finally:
        commands.down(folder)
    assert asyncio.run(orders_in(dsn.replace("/postgres", "/shop"))) == 1


async def test_a_server_that_would_lose_orders_is_refused(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("ALTER ROLE chandlery SET synchronous_commit = off")
        with pytest.raises(RefusedError, match="synchronous_commit off"):
            await look_at(dsn)
    finally:
        await connection.execute("ALTER ROLE chandlery RESET synchronous_commit")
        await connection.close()
    assert (await look_at(dsn)).startswith("18.")


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    nowhere = "postgresql://postgres:x@127.0.0.1:1/postgres"
    settings = Settings("database", tmp_path / "rung", database_dsn=nowhere)
    with pytest.raises(StartError, match="existing database cannot be used"):
        commands.up(settings, UP_TIMEOUT_S)


def test_what_is_no_url_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a superuser's URL"):
        existing_database("host=db user=postgres", Secrets.fresh())


@pytest.mark.parametrize("rung", ["single", "replicated"])
def test_rungs_that_keep_their_own_say_so(rung: str, tmp_path: Path) -> None:
    settings = Settings(rung, tmp_path / "rung", database_dsn="postgresql://x@h/y")
    with pytest.raises(StartError, match="database, vertical, horizontal"):
        commands.up(settings, UP_TIMEOUT_S)
