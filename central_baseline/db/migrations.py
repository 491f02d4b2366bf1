"""Bringing the schema to the version this program was written for.

The promise: each numbered file in schema/ runs once, in order, in one transaction with
its record; several servers may try at once and one wins. It refuses a database that was
made by a newer program, and one whose recorded migration differs from the file.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import asyncpg

from central_baseline.errors import RefusedError
from shop_contract.rules import Catalogue, default_catalogue

ADVISORY_LOCK = 0x63616E646C65  # "candle": only one migrates
FILE_NAME = re.compile(r"(\d{4})_\w+\.sql")

_RECORDS = """
CREATE TABLE IF NOT EXISTS schema_versions (
    version    integer PRIMARY KEY,
    name       text NOT NULL,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""
# The web tier reads and writes rows; it can change no table. The auditor only reads.
_GRANTS = """
GRANT USAGE ON SCHEMA public TO shop, auditor;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO shop;
GRANT DELETE ON sessions TO shop;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO shop;
REVOKE INSERT, UPDATE ON schema_versions FROM shop;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO auditor;
REVOKE SELECT ON sessions FROM auditor;
REVOKE SELECT ON accounts FROM auditor;
GRANT SELECT (id, name, roles, delivery, profile_version, owed) ON accounts TO auditor;
"""


@dataclass(frozen=True)
class Migration:
    """One file: its number, its name, its statements and their digest."""

    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def known_migrations() -> list[Migration]:
    """The files in schema/, in order; their numbers have no gaps."""
    found = []
    for entry in files("central_baseline.db").joinpath("schema").iterdir():
        match = FILE_NAME.fullmatch(entry.name)
        if match is not None:
            found.append(Migration(int(match[1]), entry.name, entry.read_text()))
    return sorted(found, key=lambda migration: migration.version)


async def migrate(dsn: str, catalogue: Catalogue | None = None) -> int:
    """Apply what is missing as the schema's owner; returns how many were applied.

    A new shop opens with `catalogue` (the default one for None).
    """
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", ADVISORY_LOCK)
        await connection.execute(_RECORDS)
        applied = await connection.fetch("SELECT * FROM schema_versions")
        missing = plan(known_migrations(), applied)
        for migration in missing:
            async with connection.transaction():
                await connection.execute(migration.sql)
                await connection.execute(
                    "INSERT INTO schema_versions (version, name, sha256) "
                    "VALUES ($1, $2, $3)",
                    migration.version,
                    migration.name,
                    migration.sha256,
                )
        if missing:
            await connection.execute(_GRANTS)
        await _open_shop(connection, catalogue or default_catalogue())
    finally:
        await connection.close()
    return len(missing)


def plan(
    known: Sequence[Migration], applied: Sequence[asyncpg.Record]
) -> list[Migration]:
    """What is left to run; RefusedError when the database is not what we know."""
    files_by_version = {migration.version: migration for migration in known}
    for row in applied:
        migration = files_by_version.pop(row["version"], None)
        if migration is None:
            raise RefusedError(
                f"the database has migration {row['name']}, which this program does "
                "not know: start it with the newer program that made it"
            )
        if migration.sha256 != row["sha256"]:
            raise RefusedError(
                f"migration {migration.name} was applied from another text than the "
                "one installed: restore the file, and put changes into a new one"
            )
    return list(files_by_version.values())


async def _open_shop(connection: asyncpg.Connection, catalogue: Catalogue) -> None:
    """Fill the shelves of a new shop; one that is open keeps what it has."""
    async with connection.transaction():
        opened = await connection.execute(
            "INSERT INTO shop_state (catalogue_version) VALUES ($1) "
            "ON CONFLICT DO NOTHING",
            catalogue.version,
        )
        if not opened.endswith("1"):
            return
        names = {
            "shape": catalogue.shapes,
            "size": catalogue.sizes,
            "scent": catalogue.scents,
        }
        await connection.executemany(
            "INSERT INTO options (kind, id, name) VALUES ($1, $2, $3)",
            [
                (kind, position, name)
                for kind, listed in names.items()
                for position, name in enumerate(listed)
            ],
        )
        await connection.executemany(
            "INSERT INTO skus (shape, size, scent, price, stock) "
            "VALUES ($1, $2, $3, $4, $5)",
            [
                (d.shape, d.size, d.scent, sku.price, sku.stock)
                for d, sku in catalogue.skus.items()
            ],
        )
