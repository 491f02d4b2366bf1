"""What is said after a database did not answer cleanly."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from central_baseline.db import database as module
from central_baseline.db.database import Database
from central_baseline.db.outcomes import (
    DatabaseUnavailable,
    OutcomeUnknown,
    Overloaded,
    PremiseFailed,
)
from tests.central_baseline.client import Client
from tests.central_baseline.web_shop import superuser_dsn


@pytest.fixture
async def one(shop: Client) -> AsyncIterator[Database]:
    """A database with a single connection, as the schema's owner."""
    found = Database(superuser_dsn(shop.rung.layout, shop.rung.admin["dsn"]), 1, "test")
    yield found
    await found.close()


async def test_a_backend_that_dies_under_a_write_leaves_its_outcome_unknown(
    one: Database,
) -> None:
    with pytest.raises(OutcomeUnknown):
        await one.write("SELECT pg_terminate_backend(pg_backend_pid())")
    assert (await one.read("SELECT 1 AS one"))[0]["one"] == 1


async def test_a_read_survives_a_connection_that_was_cut(
    one: Database, shop: Client
) -> None:
    pid = (await one.read("SELECT pg_backend_pid() AS pid"))[0]["pid"]
    dsn = superuser_dsn(shop.rung.layout, shop.rung.admin["dsn"])
    other = await asyncpg.connect(dsn)
    await other.execute("SELECT pg_terminate_backend($1)", pid)
    await other.close()
    assert (await one.read("SELECT 1 AS one"))[0]["one"] == 1


async def test_no_connection_in_time_means_nothing_was_done(
    one: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with one.transaction():
        monkeypatch.setattr(module, "ACQUIRE_S", 0.05)
        with pytest.raises(Overloaded):
            await one.write("SELECT 1")


async def test_patience_ends_by_dropping_the_connection_not_by_cancelling(
    one: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.1)
    with pytest.raises(OutcomeUnknown):
        await one.write("SELECT pg_sleep(1)")


async def test_a_warning_about_the_replicas_makes_a_commit_doubtful(
    one: Database,
) -> None:
    warn = (
        "DO $$ BEGIN RAISE WARNING 'canceling wait for synchronous replication "
        "due to user request'; END $$"
    )
    with pytest.raises(OutcomeUnknown, match="synchronous replication"):
        await one.write(warn)
    assert await one.write("SELECT 1") != []


async def test_a_warning_and_then_a_cut_is_unknown_too(one: Database) -> None:
    warn_and_die = (
        "DO $$ BEGIN RAISE WARNING 'canceling the wait for synchronous replication "
        "and terminating connection due to administrator command'; "
        "PERFORM pg_terminate_backend(pg_backend_pid()); END $$"
    )
    with pytest.raises(OutcomeUnknown):
        await one.write(warn_and_die)
    assert await one.write("SELECT 1") != []


async def test_a_cancelled_read_costs_its_connection_and_nothing_else(
    one: Database,
) -> None:
    before = (await one.read("SELECT pg_backend_pid() AS pid"))[0]["pid"]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await one.read("SELECT pg_sleep(20)")
    assert (await one.read("SELECT pg_backend_pid() AS pid"))[0]["pid"] != before


async def test_a_failed_premise_is_told_apart(one: Database) -> None:
    with pytest.raises(PremiseFailed):
        await one.write("DO $$ BEGIN RAISE SQLSTATE 'SH001'; END $$")


async def test_an_error_of_ours_is_not_dressed_up(one: Database) -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        await one.write("SELECT * FROM no_such_table")


async def test_nobody_listening_means_nothing_was_done() -> None:
    nobody = Database("postgresql://shop:x@127.0.0.1:1/shop", 1, "test")
    with pytest.raises(DatabaseUnavailable):
        await nobody.write("SELECT 1")
    with pytest.raises(DatabaseUnavailable):
        await nobody.read("SELECT 1")
    await asyncio.wait_for(nobody.close(), 5)
