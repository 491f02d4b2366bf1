"""A PostgreSQL that exists already becomes the shop's: looked at, then made ready.

The promise: the roles, the database and the schema are made where they are missing, and
what is there stays; the server itself is nobody's to start, stop or measure here. It
refuses a server that is too old, and one that would acknowledge orders it may lose.
"""

import asyncio
import time
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from central_baseline.composition.databases import Access, DatabasePart
from central_baseline.config import Secrets
from central_baseline.db.migrations import migrate
from central_baseline.errors import RefusedError, StartError, UsageError
from central_baseline.servers.binaries import POSTGRES
from central_baseline.servers.postgres import DATABASE, Passwords, create_database

PATIENCE_S = 300.0
POLL_S = 0.5
DURABLE = ("fsync", "full_page_writes", "synchronous_commit")
EXISTING = (
    "acknowledged means committed by the PostgreSQL at {place}, fsync, "
    "full_page_writes and synchronous_commit on"
)


def existing_database(dsn: str, secrets: Secrets) -> DatabasePart:
    """The part that a superuser's DSN leads to; UsageError when it leads nowhere."""
    place = urlsplit(dsn).netloc.rpartition("@")[2]
    if not dsn.startswith(("postgresql://", "postgres://")) or not place:
        raise UsageError(
            "--database-dsn is a superuser's URL, such as "
            "postgresql://postgres:PASSWORD@HOST:5432/postgres"
        )
    access = Access(_dsn_of(dsn, "shop", secrets.shop))
    return DatabasePart(
        servers=[],
        components=[],
        addresses={"database": place},
        audit_dsn=_dsn_of(dsn, "auditor", secrets.auditor),
        durability=EXISTING.format(place=place),
        access=lambda app: access,
    )


def _dsn_of(dsn: str, role: str, password: str) -> str:
    parts = urlsplit(dsn)
    place = parts.netloc.rpartition("@")[2]
    mine = parts._replace(netloc=f"{role}:{password}@{place}", path=f"/{DATABASE}")
    return urlunsplit(mine)


async def look_at(dsn: str) -> str:
    """Its version; RefusedError when the shop cannot rely on it."""
    connection = await asyncpg.connect(dsn)
    try:
        number = int(await connection.fetchval("SHOW server_version_num"))
        unsafe = [
            name
            for name in DURABLE
            if await connection.fetchval(f"SHOW {name}") == "off"
        ]
    finally:
        await connection.close()
    version = f"{number // 10000}.{number % 10000}"
    if number // 10000 < POSTGRES.minimum[0]:
        raise RefusedError(
            f"the PostgreSQL is version {version}, the ladder needs "
            f"{POSTGRES.minimum[0]} or newer"
        )
    if unsafe:
        raise RefusedError(
            f"the PostgreSQL has {' and '.join(unsafe)} off: it would lose orders that "
            "it acknowledged; switch it on"
        )
    return version


async def make_ready(
    dsn: str, passwords: Passwords, patience_s: float = PATIENCE_S
) -> int:
    """Returns how many migrations were applied; StartError when no server came."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            await create_database(dsn, passwords)
            break
        except (
            OSError,
            TimeoutError,
            asyncpg.PostgresConnectionError,
            asyncpg.CannotConnectNowError,
            asyncpg.ReadOnlySQLTransactionError,
            asyncpg.TargetServerAttributeNotMatched,
        ) as error:
            if time.monotonic() > deadline:
                raise StartError(f"no database took writes: {error}") from error
        await asyncio.sleep(POLL_S)
    return await migrate(urlunsplit(urlsplit(dsn)._replace(path=f"/{DATABASE}")))
