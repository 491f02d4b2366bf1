"""Where a transaction is, and which blocks may hold a log: rebuilt at need.

A second SQLite file beside the block log, with synchronous=NORMAL: a crash of the
machine may lose its newest commits, and the node stages those blocks again at start.
What is staged is found at once from memory, so that a block can be announced before
its look-ups are written; they are written in bulk, away from the loop.
"""

import sqlite3
from pathlib import Path
from threading import Lock

from node.chain.header import Header
from node.driver.ports import StorageFailed
from node.primitives.types import Hash32
from node.storage.databases import connect, transaction, translated

SCHEMA_VERSION = 1
MAX_STAGED_BLOCKS = 256
SCHEMA = """
CREATE TABLE blooms (height INTEGER PRIMARY KEY, bloom BLOB NOT NULL);
CREATE TABLE transactions (
    hash BLOB PRIMARY KEY, height INTEGER NOT NULL, position INTEGER NOT NULL
) WITHOUT ROWID;
"""


class Lookups:
    """Transaction hash -> (height, position); height -> logs bloom."""

    def __init__(self, path: Path) -> None:
        """Open or make the file; one that is damaged or of another version is made new.

        Nothing is lost by that: the block log has it all.
        """
        self.height: int = 0
        self._path = path
        self._lock = Lock()
        self._staged: dict[int, tuple[bytes, tuple[Hash32, ...]]] = {}
        self._locations: dict[Hash32, tuple[int, int]] = {}
        try:
            self._open()
        except (StorageFailed, sqlite3.Error):
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            self._open()

    def stage(self, header: Header, hashes: tuple[Hash32, ...]) -> None:
        """Make a block's transactions findable; the caller flushes soon."""
        height = header.number
        with self._lock:
            if len(self._staged) >= MAX_STAGED_BLOCKS:
                raise StorageFailed(
                    f"{MAX_STAGED_BLOCKS} blocks wait for {self._path}: the disk does "
                    "not keep up"
                )
            self._staged[height] = (header.logs_bloom, hashes)
            places = ((height, position) for position in range(len(hashes)))
            self._locations.update(zip(hashes, places, strict=True))

    def flush(self) -> None:
        """Write what is staged. Raises StorageFailed, DiskFull."""
        with self._lock:
            staged = sorted(self._staged.items())
        if not staged:
            return
        with transaction(self._writer, self._path):
            self._writer.executemany(
                "INSERT OR REPLACE INTO blooms VALUES (?, ?)",
                ((height, bloom) for height, (bloom, _) in staged),
            )
            self._writer.executemany(
                "INSERT OR IGNORE INTO transactions VALUES (?, ?, ?)",
                (
                    (transaction_hash, height, position)
                    for height, (_, hashes) in staged
                    for position, transaction_hash in enumerate(hashes)
                ),
            )
        self.height = max(self.height, staged[-1][0])
        with self._lock:
            for height, (_, hashes) in staged:
                del self._staged[height]
                for transaction_hash in hashes:
                    self._locations.pop(transaction_hash, None)

    @property
    def staged_blocks(self) -> int:
        """How many blocks wait for `flush`."""
        return len(self._staged)

    def location(self, transaction_hash: Hash32) -> tuple[int, int] | None:
        """(height, position) of a final transaction."""
        with self._lock:
            found = self._locations.get(transaction_hash)
        if found is not None:
            return found
        with translated(self._path):
            row = self._reader.execute(
                "SELECT height, position FROM transactions WHERE hash = ?",
                (transaction_hash,),
            ).fetchone()
        return (row[0], row[1]) if row else None

    def blooms(self, first: int, last: int) -> list[tuple[int, bytes]]:
        """(height, logs bloom) from `first` to `last`, ascending."""
        # Staged first: what a flush moves meanwhile is then found twice, not missed.
        with self._lock:
            staged = {
                height: bloom
                for height, (bloom, _) in self._staged.items()
                if first <= height <= last
            }
        with translated(self._path):
            rows = self._reader.execute(
                "SELECT height, bloom FROM blooms WHERE height BETWEEN ? AND ?",
                (first, last),
            ).fetchall()
        return sorted((dict(rows) | staged).items())

    def close(self) -> None:
        """Release the file."""
        self._writer.close()
        self._reader.close()

    def _open(self) -> None:
        self._writer = connect(self._path, "NORMAL")
        with translated(self._path):
            if self._writer.execute("PRAGMA user_version").fetchone()[0] == 0:
                self._writer.executescript(SCHEMA)
                self._writer.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            version = self._writer.execute("PRAGMA user_version").fetchone()[0]
            if version != SCHEMA_VERSION:
                self._writer.close()
                raise StorageFailed(f"{self._path} has version {version}")
            row = self._writer.execute("SELECT max(height) FROM blooms").fetchone()
        self._reader = connect(self._path, "NORMAL")
        self.height = row[0] or 0
