"""What may be said after talking to the database failed.

The distinction that everything rests on: either nothing was done (say so, the client
may go elsewhere), or a commit may have happened (say only that: the client asks again
with the same reference).
"""

import asyncpg


class DatabaseUnavailable(Exception):
    """No statement was executed: nothing was done."""


class Overloaded(Exception):
    """No connection or lock was free in time: nothing was done."""


class OutcomeUnknown(Exception):
    """A write was sent and no trustworthy answer came: it may have happened."""


class PremiseFailed(Exception):
    """A write found that what it was decided on has changed: read and decide again."""


PREMISE_SQLSTATE = "SH001"
# Raised before anything commits: a server that is starting, stopping or a replica, or
# has no room (where it is the log that has none, PostgreSQL dies instead).
_NOT_DONE = (
    asyncpg.DiskFullError,
    asyncpg.OutOfMemoryError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidPasswordError,
)
_NO_LOCK = (
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
)
_CONNECTION_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # A server's last words on an idle connection leave the client in mid-operation.
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    OSError,
    TimeoutError,
)
CONNECT_FAILURES = (*_NOT_DONE, *_CONNECTION_LOST, asyncpg.PostgresError)
STATEMENT_FAILURES = (asyncpg.PostgresError, *_CONNECTION_LOST)


def outcome_of(error: BaseException) -> Exception | None:
    """The outcome a failed write stands for; None: a mistake of ours, let it rise."""
    if getattr(error, "sqlstate", None) == PREMISE_SQLSTATE:
        return PremiseFailed(str(error))
    if isinstance(error, _NOT_DONE):
        return DatabaseUnavailable(str(error))
    if isinstance(error, _NO_LOCK):
        return Overloaded(str(error))
    if isinstance(error, _CONNECTION_LOST):
        return OutcomeUnknown(f"{type(error).__name__}: {error}")
    return None
