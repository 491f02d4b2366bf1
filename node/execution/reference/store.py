"""The durable state of the reference executor: trie nodes, code and heads in SQLite.

Nodes are kept by their hash and never deleted, so every committed state stays
readable (an archive). Commits are lazy: blocks gather in memory and are written with
their head in one transaction, after FLUSH_BLOCKS or FLUSH_NODES; what a crash loses the
node replays from its block log (`head`). The write-ahead log with synchronous=NORMAL
keeps the file consistent through kill -9 and power loss.
Every node read from disk is hashed again: a flipped bit is found, never believed.
Threads may read beside the one that writes.
"""

import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lru import LRU

from node.execution.executor import ExecutorFailed
from node.primitives.keccak import keccak256
from node.primitives.trie import Node, join_node, split_node
from node.primitives.types import Hash32

FORMAT = 1
FLUSH_BLOCKS = 64
FLUSH_NODES = 50_000
CACHED_NODES = 200_000
CACHED_CODES = 256
FILE_NAME = "state.sqlite"
EMPTY_CODE_HASH = keccak256(b"")

SCHEMA = """
CREATE TABLE nodes (hash BLOB PRIMARY KEY, node BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE codes (hash BLOB PRIMARY KEY, code BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE heads (
  height INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE,
  root BLOB NOT NULL, extra BLOB NOT NULL
);
CREATE TABLE chain (genesis BLOB NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Head:
    """A committed block, its state root and its header's extra data."""

    height: int
    digest: Hash32
    root: Hash32
    extra: bytes


class StateStore:
    """See the module's docstring. Raises ExecutorFailed when the disk fails."""

    def __init__(self, directory: Path, genesis: Hash32) -> None:
        """Open or create the file for the chain of this genesis."""
        directory.mkdir(parents=True, exist_ok=True)
        self._path = directory / FILE_NAME
        self._lock = threading.RLock()
        self._nodes: LRU[bytes, Node] = LRU(CACHED_NODES)
        self._codes: LRU[bytes, bytes] = LRU(CACHED_CODES)
        self._pending_nodes: dict[bytes, Node] = {}
        self._pending_codes: dict[bytes, bytes] = {}
        self._pending_heads: dict[int, Head] = {}
        self._by_digest: LRU[bytes, Head] = LRU(CACHED_CODES)
        try:
            self._db = self._open(genesis)
            self._durable = self._read_head()
        except sqlite3.Error as error:
            raise self._failed(error) from error

    @property
    def durable(self) -> Head | None:
        """The newest head on disk, None before the genesis state."""
        return self._durable

    @property
    def newest(self) -> Head | None:
        """The newest committed head, on disk or not yet."""
        with self._lock:
            if self._pending_heads:
                return self._pending_heads[max(self._pending_heads)]
            return self._durable

    def node(self, digest: bytes) -> Node:
        """The node of a hash. Raises KeyError when it was never stored."""
        node = self._nodes.get(digest)
        if node is None:
            node = self._pending_nodes.get(digest)
            if node is None:
                node = self._read_node(digest)
            self._nodes[digest] = node
        return node

    def code(self, digest: bytes) -> bytes:
        """The code of a hash. Raises KeyError."""
        if digest == EMPTY_CODE_HASH:
            return b""
        code = self._codes.get(digest)
        if code is None:
            code = self._pending_codes.get(digest)
            if code is None:
                code = self._read("SELECT code FROM codes WHERE hash = ?", digest)
                self._check(digest, code)
            self._codes[digest] = code
        return code

    def at_digest(self, digest: Hash32) -> Head:
        """The head of a committed block. Raises KeyError."""
        head = self._by_digest.get(digest)
        if head is None:
            with self._lock:
                for head in self._pending_heads.values():
                    if head.digest == digest:
                        return head
            row = self._row("SELECT * FROM heads WHERE digest = ?", digest)
            head = self._by_digest[digest] = _head(row)
        return head

    def digest_at(self, height: int) -> Hash32:
        """The block hash at a height. Raises KeyError."""
        with self._lock:
            head = self._pending_heads.get(height)
        if head is not None:
            return head.digest
        return Hash32(self._read("SELECT digest FROM heads WHERE height = ?", height))

    def add(
        self, head: Head, nodes: dict[bytes, Node], codes: dict[bytes, bytes]
    ) -> None:
        """Commit a block's new nodes and code; durable after the next flush."""
        with self._lock:
            self._pending_nodes.update(nodes)
            self._pending_codes.update(codes)
            self._pending_heads[head.height] = head
        for digest, node in nodes.items():
            self._nodes[digest] = node
        if (
            len(self._pending_heads) >= FLUSH_BLOCKS
            or len(self._pending_nodes) >= FLUSH_NODES
        ):
            self.flush()

    def flush(self) -> None:
        """Write what is pending, in one transaction."""
        with self._lock:
            if not self._pending_heads:
                return
            try:
                with self._db:
                    self._write_pending()
            except sqlite3.Error as error:
                raise self._failed(error) from error
            self._durable = self._pending_heads[max(self._pending_heads)]
            self._pending_nodes = {}
            self._pending_codes = {}
            self._pending_heads = {}

    def close(self) -> None:
        """Flush and release the file."""
        with self._lock:
            self.flush()
            self._db.close()

    def _write_pending(self) -> None:
        self._db.executemany(
            "INSERT OR IGNORE INTO nodes VALUES (?, ?)",
            sorted((at, join_node(node)) for at, node in self._pending_nodes.items()),
        )
        self._db.executemany(
            "INSERT OR IGNORE INTO codes VALUES (?, ?)", self._pending_codes.items()
        )
        self._db.executemany(
            "INSERT INTO heads VALUES (?, ?, ?, ?)",
            [
                (h.height, h.digest, h.root, h.extra)
                for h in self._pending_heads.values()
            ],
        )

    def _open(self, genesis: Hash32) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, check_same_thread=False)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version > FORMAT:
            raise ExecutorFailed(
                f"{self._path} has format {version}, newer than {FORMAT}: "
                "start the version that wrote it, or remove the file to rebuild it"
            )
        if version == 0:
            with db:
                db.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {FORMAT};")
                db.execute("INSERT INTO chain VALUES (?)", (genesis,))
        found = db.execute("SELECT genesis FROM chain").fetchone()
        if found is None or found[0] != genesis:
            raise ExecutorFailed(
                f"{self._path} belongs to another network: name another directory, "
                "or remove the file to rebuild the state"
            )
        return db

    def _read_head(self) -> Head | None:
        row = self._db.execute(
            "SELECT * FROM heads ORDER BY height DESC LIMIT 1"
        ).fetchone()
        return None if row is None else _head(row)

    def _read_node(self, digest: bytes) -> Node:
        encoded = self._read("SELECT node FROM nodes WHERE hash = ?", digest)
        self._check(digest, encoded)
        return split_node(encoded)

    def _check(self, digest: bytes, content: bytes) -> None:
        if keccak256(content) != digest:
            raise ExecutorFailed(
                f"{self._path} is damaged (an entry does not have its hash): "
                "remove it, and the node rebuilds the state from its blocks"
            )

    def _read(self, query: str, key: bytes | int) -> bytes:
        return bytes(self._row(query, key)[0])

    def _row(self, query: str, key: bytes | int) -> Sequence[Any]:
        try:
            with self._lock:
                row = self._db.execute(query, (key,)).fetchone()
        except sqlite3.Error as error:
            raise self._failed(error) from error
        if row is None:
            raise KeyError(key)
        return row  # type: ignore[no-any-return]

    def _failed(self, error: sqlite3.Error) -> ExecutorFailed:
        return ExecutorFailed(
            f"{self._path}: {error}; the state can be rebuilt: mend the disk, or "
            "remove the file, and start again"
        )


def _head(row: Sequence[Any]) -> Head:
    height, digest, root, extra = row
    return Head(height, Hash32(digest), Hash32(root), extra)
