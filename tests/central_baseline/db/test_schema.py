"""What the database forbids, whatever the programs above it believe."""

import hashlib
from collections.abc import AsyncIterator

import asyncpg
import pytest

from central_baseline.db.migrations import Migration, known_migrations, migrate, plan
from central_baseline.errors import RefusedError
from tests.central_baseline.client import Client
from tests.central_baseline.web_shop import superuser_dsn


@pytest.fixture
async def owner(shop: Client) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the schema's owner."""
    dsn = superuser_dsn(shop.rung.layout, shop.rung.admin["dsn"])
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


def test_migrations_are_numbered_without_gaps() -> None:
    known = known_migrations()
    assert [m.version for m in known] == list(range(1, len(known) + 1))


def test_a_database_of_a_newer_program_is_refused() -> None:
    row = {"version": 9999, "name": "9999_later.sql", "sha256": ""}
    with pytest.raises(RefusedError, match="newer program"):
        plan(known_migrations(), [row])


def test_a_migration_that_was_edited_is_refused() -> None:
    known = [Migration(1, "0001_shop.sql", "SELECT 1")]
    applied = [{"version": 1, "name": "0001_shop.sql", "sha256": "other"}]
    with pytest.raises(RefusedError, match="another text"):
        plan(known, applied)
    same = hashlib.sha256(b"SELECT 1").hexdigest()
    assert plan(known, [{**applied[0], "sha256": same}]) == []


async def test_migrating_again_does_nothing(shop: Client) -> None:
    dsn = superuser_dsn(shop.rung.layout, shop.rung.admin["dsn"])
    assert await migrate(dsn) == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE skus SET stock = -1",
        "UPDATE accounts SET owed = -1",
        "UPDATE orders SET status = 'melted'",
        "INSERT INTO withdrawals (account_id, amount, at_s) VALUES (1, 0, 0)",
        "UPDATE accounts SET roles = ARRAY['king']",
    ],
)
async def test_impossible_states_cannot_be_written(
    shop: Client, owner: asyncpg.Connection, statement: str
) -> None:
    await shop.buy((await shop.provision())[0])
    with pytest.raises(asyncpg.CheckViolationError):
        await owner.execute(statement)


async def test_the_auditor_reads_books_and_no_secrets(shop: Client) -> None:
    await shop.buy((await shop.provision())[0])
    connection = await asyncpg.connect(shop.rung.admin["dsn"])
    try:
        assert await connection.fetchval("SELECT count(*) FROM orders") > 0
        for statement in (
            "SELECT password_hash FROM accounts",
            "SELECT * FROM sessions",
            "DELETE FROM orders",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_durability_is_on_and_nobody_is_trusted(
    shop: Client, owner: asyncpg.Connection
) -> None:
    for name in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
        assert await owner.fetchval(f"SHOW {name}") == "on"
    methods = await owner.fetch("SELECT DISTINCT auth_method FROM pg_hba_file_rules")
    assert [row["auth_method"] for row in methods] == ["scram-sha-256"]
    place = shop.rung.admin["dsn"].rpartition("@")[2]
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"postgresql://auditor:guess@{place}")
