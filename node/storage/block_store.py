"""The block log: final blocks with certificates and receipts, durable on return.

One SQLite file in WAL mode with synchronous=FULL: a block whose append returned is
still there after a crash of the machine. It also keeps what consensus must not lose
(bodies of prepared blocks, evidence) and the validator sets that headers name only by
hash. Everything else about blocks (look-ups by transaction) is in a second file that
can be rebuilt from this one (`node.storage.lookups`).
"""

import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from node.chain.header import Header
from node.chain.validators import ValidatorSet
from node.consensus import codec
from node.consensus.messages import Evidence
from node.driver.ports import FinalBlock, StorageFailed, StoredBlock
from node.primitives import rlp
from node.primitives.keccak import keccak256
from node.primitives.types import Address, Hash32
from node.storage.databases import connect, transaction, translated
from node.storage.lookups import Lookups

BLOCKS_FILE = "blocks.db"
LOOKUPS_FILE = "index.db"
IDENTITY_BYTES = 16
MAX_EVIDENCE = 1_000
CACHED_RECEIPTS = 16
"""Blocks whose receipts are kept decoded."""
# Mostly zero bytes (blooms): the fastest level shrinks receipts about tenfold.
RECEIPTS_COMPRESSION = 1

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE blocks (
    height INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    header BLOB NOT NULL,
    certificate BLOB NOT NULL,
    receipts BLOB NOT NULL,
    block BLOB NOT NULL
);
CREATE TABLE bodies (digest BLOB PRIMARY KEY, height INTEGER, block BLOB NOT NULL);
CREATE TABLE validator_sets (digest BLOB PRIMARY KEY, addresses BLOB NOT NULL);
CREATE TABLE evidence (digest BLOB PRIMARY KEY, content BLOB NOT NULL);
"""
STORED = "SELECT height, digest, block, certificate FROM blocks"


class SqliteBlockStore:
    """`node.driver.ports.BlockStore` in the folder `blocks/` of a node."""

    def __init__(self, folder: Path) -> None:
        """Open what `create` made; use `open`, which checks whose it is."""
        self._path = folder / BLOCKS_FILE
        if not self._path.is_file():
            raise StorageFailed(
                f"{self._path} is missing; `chandlery init` makes a node's directory"
            )
        self._writer = connect(self._path, "FULL")
        self._reader = connect(self._path, "FULL")
        self._identity = self._meta("identity")
        self.genesis_hash = Hash32(self._meta("genesis"))
        self._lookups = Lookups(folder / LOOKUPS_FILE)
        # Clients poll for the receipts of one block one by one.
        self._receipts = lru_cache(CACHED_RECEIPTS)(self._read_receipts)
        self._head = self._one(f"{STORED} ORDER BY height DESC LIMIT 1")

    @classmethod
    def create(cls, folder: Path, genesis_hash: Hash32, identity: bytes) -> None:
        """Make an empty store. Raises StorageFailed when there is one already."""
        path = folder / BLOCKS_FILE
        if path.exists():
            raise StorageFailed(f"{path} exists already and is not overwritten")
        folder.mkdir(parents=True, exist_ok=True)
        connection = connect(path, "FULL")
        with translated(path):
            connection.executescript(SCHEMA)
        with transaction(connection, path):
            rows = [("identity", identity), ("genesis", genesis_hash)]
            connection.executemany("INSERT INTO meta VALUES (?, ?)", rows)
        connection.close()

    @classmethod
    def open(cls, folder: Path, genesis_hash: Hash32) -> "SqliteBlockStore":
        """Open the store of this chain. Raises StorageFailed."""
        store = cls(folder)
        if store.genesis_hash != genesis_hash:
            found = store.genesis_hash.hex()
            store.close()
            raise StorageFailed(
                f"{folder} holds blocks of another network (genesis 0x{found}), this "
                f"genesis file is 0x{genesis_hash.hex()}; start the node with the "
                "genesis file it was made for"
            )
        return store

    @property
    def identity(self) -> bytes:
        """16 bytes that the safety log of the same node repeats."""
        return self._identity

    def head(self) -> StoredBlock | None:
        """The newest block, None before the first."""
        return self._head

    def append(self, final: FinalBlock) -> None:
        """Store the block after the head. Raises StorageFailed, DiskFull."""
        height = final.header.number
        expected = self._head.height + 1 if self._head else 1
        if height != expected:
            raise ValueError(f"block {height} does not follow {expected - 1}")
        receipts = zlib.compress(rlp.encode(final.receipts), RECEIPTS_COMPRESSION)
        digest, header = final.header.digest, final.header.encoded
        row = (height, digest, header, final.certificate, receipts, final.block)
        named = (final.validators.digest, b"".join(final.validators.addresses))
        with transaction(self._writer, self._path):
            run = self._writer.execute
            run("INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?)", row)
            run("INSERT OR IGNORE INTO validator_sets VALUES (?, ?)", named)
            run("DELETE FROM bodies WHERE height <= ?", (height,))
        self._head = StoredBlock(height, digest, final.block, final.certificate)

    def at(self, height: int) -> StoredBlock | None:
        """The block of this height."""
        if self._head and self._head.height == height:
            return self._head
        return self._one(f"{STORED} WHERE height = ?", height)

    def height_of(self, digest: Hash32) -> int | None:
        """Where the final block of this hash is."""
        row = self._row("SELECT height FROM blocks WHERE digest = ?", digest)
        return row[0] if row else None

    def header_at(self, height: int) -> Header | None:
        """The header of this height."""
        row = self._row("SELECT header FROM blocks WHERE height = ?", height)
        return Header.decode(row[0]) if row else None

    def receipts(self, height: int) -> tuple[bytes, ...] | None:
        """The receipts of a final block, one per transaction."""
        if self._head is None or not 1 <= height <= self._head.height:
            return None
        return self._receipts(height)

    def blocks(self, first: int, count: int, max_bytes: int) -> list[StoredBlock]:
        """Consecutive blocks from `first` on, at least one when it exists."""
        found: list[StoredBlock] = []
        size = 0
        for height in range(first, first + count):
            stored = self.at(height)
            if stored is None:
                break
            size += len(stored.block) + len(stored.certificate)
            if found and size > max_bytes:
                break
            found.append(stored)
        return found

    def validators_of(self, digest: Hash32) -> ValidatorSet | None:
        """A set that some appended block named as the next, by its digest."""
        row = self._row("SELECT addresses FROM validator_sets WHERE digest = ?", digest)
        if row is None:
            return None
        joined = row[0]
        at = range(0, len(joined), 20)
        return ValidatorSet(tuple(Address(joined[i : i + 20]) for i in at))

    def stage(self, final: FinalBlock) -> None:
        """Make transactions findable at once; `flush` writes them."""
        self._lookups.stage(final.header, final.hashes)

    def flush(self) -> None:
        """Write what is staged. Raises StorageFailed, DiskFull."""
        self._lookups.flush()

    def staged_blocks(self) -> int:
        """How many blocks wait for `flush`."""
        return self._lookups.staged_blocks

    def indexed_height(self) -> int:
        """How far the written look-ups reach."""
        return self._lookups.height

    def location(self, transaction_hash: Hash32) -> tuple[int, int] | None:
        """(height, position) of a final transaction."""
        return self._lookups.location(transaction_hash)

    def blooms(self, first: int, last: int) -> list[tuple[int, bytes]]:
        """(height, logs bloom) of final blocks, ascending."""
        return self._lookups.blooms(first, last)

    def put_body(self, height: int, digest: Hash32, block: bytes) -> None:
        """Keep a prepared block that is not final yet. Raises StorageFailed."""
        with transaction(self._writer, self._path):
            self._writer.execute(
                "INSERT OR IGNORE INTO bodies VALUES (?, ?, ?)", (digest, height, block)
            )

    def body(self, digest: Hash32) -> bytes | None:
        """A prepared block, until its height is final."""
        row = self._row("SELECT block FROM bodies WHERE digest = ?", digest)
        return row[0] if row else None

    def put_evidence(self, evidence: Evidence) -> None:
        """Keep evidence, once, MAX_EVIDENCE at most. Raises StorageFailed."""
        content = codec.encode_evidence(evidence)
        with transaction(self._writer, self._path):
            self._writer.execute(
                "INSERT OR IGNORE INTO evidence SELECT ?, ? "
                "WHERE (SELECT count(*) FROM evidence) < ?",
                (keccak256(content), content, MAX_EVIDENCE),
            )

    def evidence(self) -> Iterator[Evidence]:
        """All that was kept, oldest first."""
        with translated(self._path):
            rows = self._reader.execute(
                "SELECT content FROM evidence ORDER BY rowid"
            ).fetchall()
        for (content,) in rows:
            yield codec.decode_evidence(content)

    def close(self) -> None:
        """Release the files."""
        self._writer.close()
        self._reader.close()
        lookups: Lookups | None = getattr(self, "_lookups", None)
        if lookups:
            lookups.close()

    def _read_receipts(self, height: int) -> tuple[bytes, ...] | None:
        row = self._row("SELECT receipts FROM blocks WHERE height = ?", height)
        if row is None:
            return None
        items = rlp.to_list(rlp.decode(zlib.decompress(row[0])))
        return tuple(rlp.to_bytes(item) for item in items)

    def _meta(self, key: str) -> bytes:
        row = self._row("SELECT value FROM meta WHERE key = ?", key)
        if row is None:
            raise StorageFailed(f"{self._path} was not made completely: no {key}")
        return bytes(row[0])

    def _row(self, query: str, *arguments: object) -> tuple[Any, ...] | None:
        with translated(self._path):
            row: tuple[Any, ...] | None = self._reader.execute(
                query, arguments
            ).fetchone()
        return row

    def _one(self, query: str, *arguments: object) -> StoredBlock | None:
        row = self._row(query, *arguments)
        return StoredBlock(*row) if row else None
