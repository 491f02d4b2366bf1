"""SQLite as this project opens it: WAL, explicit transactions, errors with a meaning.

A full disk is told from every other failure: it may pass, so the caller can try again
once there is room (the transaction was rolled back). Anything else that goes wrong
while writing leaves it unknown what reached the disk, and is never retried.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from node.driver.ports import DiskFull, StorageFailed

BUSY_TIMEOUT_S = 5.0


def connect(path: Path, synchronous: str) -> sqlite3.Connection:
    """Open a database in WAL mode; `synchronous` is FULL where a commit is a promise.

    May be used from several threads (SQLite serializes), writes by one at a time.
    """
    with translated(path):
        connection = sqlite3.connect(
            path,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        return connection


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """All or nothing; rolled back on any error. Raises StorageFailed, DiskFull."""
    with translated(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Errors of SQLite as errors of storage that name the file and the next step."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            raise DiskFull(f"no room on the disk for {path}") from error
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise StorageFailed(
                f"{path} is damaged ({error}); move the node's directory aside and "
                "join again with an empty one: it fetches the chain from its peers"
            ) from error
        raise StorageFailed(
            f"{path}: {error}; check the disk and the file's permissions, then start "
            "the node again"
        ) from error
