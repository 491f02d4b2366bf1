"""The block store and its twin in memory keep the same promises."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from node.consensus.messages import Evidence, Prepare, Signed
from node.driver.ports import BlockStore, DiskFull, StorageFailed
from node.primitives.keccak import keccak256
from node.primitives.types import Hash32, Signature
from node.storage.block_store import BLOCKS_FILE, LOOKUPS_FILE, SqliteBlockStore
from node.storage.memory import MemoryBlockStore
from tests.node.storage.samples import GENESIS_HASH, VALIDATORS, finals

IDENTITY = b"identity-16bytes"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "blocks"
    SqliteBlockStore.create(folder, GENESIS_HASH, IDENTITY)
    return folder


@pytest.fixture(params=["sqlite", "memory"])
def store(request: pytest.FixtureRequest, folder: Path) -> Iterator[BlockStore]:
    if request.param == "memory":
        yield MemoryBlockStore(IDENTITY)
        return
    with closing(SqliteBlockStore.open(folder, GENESIS_HASH)) as opened:
        yield opened


def test_an_empty_store_has_no_head(store: BlockStore) -> None:
    assert store.head() is None
    assert store.at(1) is None
    assert store.identity == IDENTITY
    assert store.indexed_height() == 0


def test_appended_blocks_are_found_by_height_and_hash(store: BlockStore) -> None:
    made = finals(3)
    for final in made:
        store.append(final)
    head = store.head()
    assert head is not None
    assert head.height == 3
    for final in made:
        height, digest = final.header.number, final.header.digest
        found = store.at(height)
        assert found is not None
        assert (found.block, found.certificate) == (final.block, final.certificate)
        assert store.height_of(digest) == height
        assert store.header_at(height) == final.header
        assert store.receipts(height) == final.receipts
    assert store.height_of(keccak256(b"none")) is None
    assert (store.header_at(4), store.receipts(4)) == (None, None)


def test_a_block_that_does_not_follow_the_head_is_refused(store: BlockStore) -> None:
    first, second, third = finals(3)
    with pytest.raises(ValueError, match="does not follow"):
        store.append(second)
    store.append(first)
    for wrong in (first, third):
        with pytest.raises(ValueError, match="does not follow"):
            store.append(wrong)


def test_ranges_stop_at_the_byte_limit_but_give_one_block(store: BlockStore) -> None:
    made = finals(4)
    for final in made:
        store.append(final)
    assert [b.height for b in store.blocks(2, 10, 1_000_000)] == [2, 3, 4]
    assert [b.height for b in store.blocks(2, 2, 1_000_000)] == [2, 3]
    size = len(made[1].block) + len(made[1].certificate)
    assert [b.height for b in store.blocks(2, 10, 2 * size)] == [2, 3]
    assert [b.height for b in store.blocks(2, 10, 1)] == [2]
    assert store.blocks(5, 10, 1_000_000) == []


def test_staged_transactions_are_found_before_and_after_the_flush(
    store: BlockStore,
) -> None:
    made = finals(3, each=5)
    for final in made:
        store.append(final)
        store.stage(final)
        assert store.location(final.hashes[4]) == (final.header.number, 4)
    store.flush()
    store.flush()
    assert store.indexed_height() == 3
    for final in made:
        for position, transaction_hash in enumerate(final.hashes):
            found = store.location(transaction_hash)
            assert found == (final.header.number, position)
    assert store.location(keccak256(b"none")) is None
    wanted = [(f.header.number, f.header.logs_bloom) for f in made]
    assert store.blooms(0, 10) == wanted
    assert store.blooms(2, 2) == wanted[1:2]


def test_validator_sets_are_found_by_the_hash_headers_hold(store: BlockStore) -> None:
    assert store.validators_of(VALIDATORS.digest) is None
    store.append(finals(1)[0])
    assert store.validators_of(VALIDATORS.digest) == VALIDATORS


def test_bodies_of_final_heights_are_dropped(store: BlockStore) -> None:
    first, second = finals(2)
    store.put_body(1, first.header.digest, first.block)
    store.put_body(1, first.header.digest, first.block)
    store.put_body(2, second.header.digest, second.block)
    assert store.body(first.header.digest) == first.block
    store.append(first)
    assert store.body(first.header.digest) is None
    assert store.body(second.header.digest) == second.block


def evidence_of(height: int) -> Evidence:
    signed = [
        Signed(
            Prepare(height, 0, keccak256(word)),
            VALIDATORS.addresses[1],
            Signature(word * 65),
        )
        for word in (b"a", b"b")
    ]
    return Evidence(signed[0], signed[1])


def test_evidence_is_kept_once_and_in_order(store: BlockStore) -> None:
    for height in (7, 8, 7):
        store.put_evidence(evidence_of(height))
    assert list(store.evidence()) == [evidence_of(7), evidence_of(8)]


def test_everything_is_there_after_opening_again(folder: Path) -> None:
    made = finals(2)
    with closing(SqliteBlockStore.open(folder, GENESIS_HASH)) as store:
        for final in made:
            store.append(final)
            store.stage(final)
        store.put_body(3, Hash32(bytes(32)), b"body")
        store.put_evidence(evidence_of(1))
        store.flush()
    with closing(SqliteBlockStore.open(folder, GENESIS_HASH)) as store:
        head = store.head()
        assert head is not None
        assert head.digest == made[1].header.digest
        assert store.location(made[0].hashes[1]) == (1, 1)
        assert store.body(Hash32(bytes(32))) == b"body"
        assert list(store.evidence()) == [evidence_of(1)]


@pytest.mark.parametrize("damage", ["lost", "damaged", "of another version"])
def test_lost_or_damaged_lookups_are_made_anew(folder: Path, damage: str) -> None:
    final = finals(1)[0]
    with closing(SqliteBlockStore.open(folder, GENESIS_HASH)) as store:
        store.append(final)
        store.stage(final)
        store.flush()
    index = folder / LOOKUPS_FILE
    if damage == "lost":
        index.unlink()
    elif damage == "damaged":
        index.write_bytes(b"not a database" * 500)
    else:
        with closing(sqlite3.connect(index)) as connection:
            connection.execute("PRAGMA user_version = 99")
    with closing(SqliteBlockStore.open(folder, GENESIS_HASH)) as store:
        assert store.indexed_height() == 0
        store.stage(final)
        store.flush()
        assert store.location(final.hashes[1]) == (1, 1)


def test_a_store_of_another_network_is_refused(folder: Path) -> None:
    with pytest.raises(StorageFailed, match="another network"):
        SqliteBlockStore.open(folder, keccak256(b"other"))


def test_a_missing_store_is_not_created(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="chandlery init"):
        SqliteBlockStore.open(tmp_path, GENESIS_HASH)
    assert not (tmp_path / BLOCKS_FILE).exists()


def test_create_replaces_nothing(folder: Path) -> None:
    with pytest.raises(StorageFailed, match="not overwritten"):
        SqliteBlockStore.create(folder, GENESIS_HASH, IDENTITY)


def test_a_damaged_store_is_refused_with_what_to_do(folder: Path) -> None:
    (folder / BLOCKS_FILE).write_bytes(b"not a database" * 500)
    with pytest.raises(StorageFailed, match="join again"):
        SqliteBlockStore.open(folder, GENESIS_HASH)


def test_a_write_ahead_log_torn_at_the_end_loses_only_what_was_not_promised(
    folder: Path, tmp_path: Path
) -> None:
    made = finals(2)
    store = SqliteBlockStore.open(folder, GENESIS_HASH)
    store.append(made[0])
    log = folder / f"{BLOCKS_FILE}-wal"
    promised = log.stat().st_size
    store.append(made[1])
    whole = log.stat().st_size
    for size in range(promised, whole, 512):
        copy = tmp_path / f"torn at {size}"
        shutil.copytree(folder, copy)
        with (copy / log.name).open("r+b") as file:
            file.truncate(size)
        with closing(SqliteBlockStore.open(copy, GENESIS_HASH)) as again:
            head = again.head()
            assert head is not None
            assert head.digest == made[0].header.digest
            again.append(made[1])
    store.close()


def test_a_full_disk_rolls_back_and_can_be_tried_again(folder: Path) -> None:
    first, second = finals(2)
    large = replace(second, block=bytes(range(256)) * 4_000)
    with closing(SqliteBlockStore.open(folder, GENESIS_HASH)) as store:
        store.append(first)
        store._writer.execute("PRAGMA max_page_count = 20")
        with pytest.raises(DiskFull, match="no room"):
            store.append(large)
        head = store.head()
        assert head is not None
        assert head.height == 1
        store._writer.execute("PRAGMA max_page_count = 1000000")
        store.append(large)
        assert store.receipts(2) == large.receipts
