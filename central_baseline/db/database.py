"""Connections to PostgreSQL, with the care that acknowledged writes need.

The promise: `write` returns only what the server committed under the durability rule
in force. It never cancels a statement that may be waiting to commit: after
`PATIENCE_S` the connection is dropped and the outcome is unknown. A commit that
PostgreSQL itself warns about (its synchronous wait was cancelled) is unknown as well.
Nothing waits for a connection without end: past `ACQUIRE_S` the request is refused and
nothing was done.
Source: PostgreSQL manual, 26.2.8 (a cancelled wait returns success with a warning).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg

from central_baseline.db.outcomes import (
    CONNECT_FAILURES,
    STATEMENT_FAILURES,
    DatabaseUnavailable,
    OutcomeUnknown,
    Overloaded,
    outcome_of,
)
from central_baseline.db.pool import Pool

ACQUIRE_S = 2.0  # waiting for a free connection
CONNECT_S = 2.0
PATIENCE_S = 10.0  # waiting for a commit, such as for a replica to come back
LOCK_TIMEOUT_MS = 3000  # safe to cut short: a lock wait is before any commit
STATEMENT_CACHE = 200

Row: TypeAlias = Any  # asyncpg.Record, which has no types


class Database:
    """A bounded pool to one server (or to the balancer in front of several)."""

    def __init__(
        self, dsn: str, connections: int, name: str, patience_s: float | None = None
    ) -> None:
        """`patience_s` bounds one read; it is tried twice only without it."""
        self._dsn = dsn
        self._patience_s = patience_s
        self._name = name
        self._pool = Pool(self._connect, connections)
        # What PostgreSQL said while a connection was lent: a commit is doubtful.
        self._warnings: dict[asyncpg.Connection, str] = {}

    async def close(self) -> None:
        """Close when the statements under way have ended; at most `PATIENCE_S`."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    async def read(self, sql: str, *values: Any) -> list[Row]:
        """Rows of a statement that changes nothing; tried twice, it is safe to."""
        try:
            return await self._read_once(sql, *values)
        except STATEMENT_FAILURES as error:
            if outcome_of(error) is None:
                raise
            if self._patience_s is not None:
                raise DatabaseUnavailable(str(error)) from error
        try:
            return await self._read_once(sql, *values)
        except STATEMENT_FAILURES as error:
            if outcome_of(error) is None:
                raise
            raise DatabaseUnavailable(str(error)) from error

    async def read_row(self, sql: str, *values: Any) -> Row | None:
        """The first row, None without one."""
        rows = await self.read(sql, *values)
        return rows[0] if rows else None

    async def write(self, sql: str, *values: Any) -> list[Row]:
        """Run one statement as one transaction; see the module's promise."""
        async with self.transaction(explicit=False) as connection:
            rows: list[Row] = await connection.fetch(sql, *values)
        return rows

    @asynccontextmanager
    async def transaction(
        self, explicit: bool = True
    ) -> AsyncIterator[asyncpg.Connection]:
        """A connection on which what the block does commits together.

        With `explicit=False` the block runs a single statement, its own transaction.
        """
        connection = await self._acquire()
        watchdog = asyncio.get_running_loop().call_later(
            PATIENCE_S, connection.terminate
        )
        try:
            if explicit:
                async with connection.transaction():
                    yield connection
            else:
                yield connection
        except STATEMENT_FAILURES as error:
            outcome = outcome_of(error)
            if outcome is None:
                raise
            if isinstance(outcome, DatabaseUnavailable | OutcomeUnknown):
                # A primary no more: the next connection finds the new one.
                connection.terminate()
            raise outcome from error
        except asyncio.CancelledError:
            connection.terminate()  # in the middle of who knows what
            raise
        finally:
            watchdog.cancel()
            warning = self._give_back(connection)
        if warning is not None:
            raise OutcomeUnknown(warning)

    async def _read_once(self, sql: str, *values: Any) -> list[Row]:
        connection = await self._acquire()
        watchdog = asyncio.get_running_loop().call_later(
            self._patience_s or PATIENCE_S, connection.terminate
        )
        try:
            rows: list[Row] = await connection.fetch(sql, *values)
        except STATEMENT_FAILURES as error:
            if isinstance(outcome_of(error), DatabaseUnavailable | OutcomeUnknown):
                connection.terminate()
            raise
        except asyncio.CancelledError:
            connection.terminate()
            raise
        finally:
            watchdog.cancel()
            self._give_back(connection)
        return rows

    async def _acquire(self) -> asyncpg.Connection:
        try:
            return await self._pool.acquire(ACQUIRE_S)
        except TimeoutError as error:
            raise Overloaded("every database connection is in use") from error
        except CONNECT_FAILURES as error:
            raise DatabaseUnavailable(str(error)) from error

    def _give_back(self, connection: asyncpg.Connection) -> str | None:
        """Back to the pool; what makes a commit doubtful, if anything was said."""
        warning = self._warnings.pop(connection, None)
        if warning is not None:
            connection.terminate()
        self._pool.release(connection)
        return warning

    async def _connect(self) -> asyncpg.Connection:
        try:
            connection = await asyncpg.connect(
                self._dsn,
                timeout=CONNECT_S,
                statement_cache_size=STATEMENT_CACHE,
                server_settings={
                    "application_name": self._name,
                    "lock_timeout": str(LOCK_TIMEOUT_MS),
                },
            )
        except TimeoutError as error:
            raise ConnectionError("no connection in time") from error
        connection.add_log_listener(self._on_notice)
        try:
            # Amounts are whole numbers; Decimal would only be converted again.
            await connection.set_type_codec(
                "numeric", schema="pg_catalog", encoder=str, decoder=int, format="text"
            )
        except BaseException:
            connection.terminate()
            raise
        return connection

    def _on_notice(
        self, connection: asyncpg.Connection, notice: asyncpg.PostgresLogMessage
    ) -> None:
        if "synchronous replication" in notice.message:
            self._warnings[connection] = notice.message
