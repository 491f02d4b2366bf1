"""The durable state: formats, damage, laziness."""

import sqlite3
from pathlib import Path

import pytest

from node.execution.executor import ExecutorFailed
from node.execution.reference import store as store_module
from node.execution.reference.store import FILE_NAME, FORMAT, Head, StateStore
from node.primitives.keccak import keccak256
from node.primitives.trie import EMPTY_TRIE_ROOT, get, update
from node.primitives.types import Hash32

GENESIS = Hash32(b"\x01" * 32)
KEYS = [keccak256(bytes((n,))) for n in range(100)]


@pytest.fixture
def store(tmp_path):
    store = StateStore(tmp_path, GENESIS)
    yield store
    store.close()


def add(store: StateStore, height: int, value: bytes) -> Head:
    """A block that sets every key to the value."""
    newest = store.newest
    root = newest.root if newest else EMPTY_TRIE_ROOT
    nodes: dict = {}
    root = update(store.node, root, dict.fromkeys(KEYS, value), nodes)
    code = b"code of " + value
    digest = keccak256(height.to_bytes(8, "big"))
    head = Head(height, digest, root, b"extra")
    store.add(head, nodes, {keccak256(code): code})
    return head


def test_what_is_added_can_be_read_before_and_after_it_is_durable(tmp_path):
    store = StateStore(tmp_path, GENESIS)
    assert store.newest is None
    first = add(store, 0, b"a" * 40)
    assert (store.newest, store.durable) == (first, None)
    store.flush()
    second = add(store, 1, b"b" * 40)
    assert (store.newest, store.durable) == (second, first)
    store.close()
    again = StateStore(tmp_path, GENESIS)
    for head, value in ((first, b"a" * 40), (second, b"b" * 40)):
        assert again.at_digest(head.digest) == head
        assert again.digest_at(head.height) == head.digest
        assert get(again.node, head.root, KEYS[3]) == value
        code = b"code of " + value
        assert again.code(keccak256(code)) == code
    again.close()


def test_what_was_never_stored_is_a_key_error(store):
    for look_up in (store.node, store.code, store.at_digest):
        with pytest.raises(KeyError):
            look_up(Hash32(b"\x07" * 32))
    with pytest.raises(KeyError):
        store.digest_at(5)


def test_blocks_are_written_in_batches(store, monkeypatch):
    monkeypatch.setattr(store_module, "FLUSH_BLOCKS", 3)
    add(store, 0, b"a" * 40)
    add(store, 1, b"b" * 40)
    assert store.durable is None
    third = add(store, 2, b"c" * 40)
    assert store.durable == third


def test_many_nodes_are_written_sooner(store, monkeypatch):
    monkeypatch.setattr(store_module, "FLUSH_NODES", 50)
    head = add(store, 0, b"a" * 40)
    assert store.durable == head


def test_a_flipped_bit_in_a_node_is_found(tmp_path):
    store = StateStore(tmp_path, GENESIS)
    head = add(store, 0, b"a" * 40)
    store.close()
    with sqlite3.connect(tmp_path / FILE_NAME) as db:
        (node,) = db.execute(
            "SELECT node FROM nodes WHERE hash = ?", (head.root,)
        ).fetchone()
        flipped = node[:-1] + bytes((node[-1] ^ 1,))
        db.execute("UPDATE nodes SET node = ? WHERE hash = ?", (flipped, head.root))
    db.close()
    again = StateStore(tmp_path, GENESIS)
    with pytest.raises(ExecutorFailed, match="remove it, and the node rebuilds"):
        again.node(head.root)
    again.close()


@pytest.mark.parametrize("keep", [10, 100, 5_000])
def test_a_cut_file_is_refused_with_what_to_do(tmp_path, keep):
    store = StateStore(tmp_path, GENESIS)
    head = add(store, 0, b"a" * 40)
    store.close()
    path = tmp_path / FILE_NAME
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ExecutorFailed, match="remove the file"):
        read_all(tmp_path, head)


def read_all(directory: Path, head: Head) -> None:
    store = StateStore(directory, GENESIS)
    try:
        for key in KEYS:
            get(store.node, head.root, key)
    finally:
        store.close()


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / FILE_NAME).write_bytes(b"not a database " * 100)
    with pytest.raises(ExecutorFailed, match="remove the file"):
        StateStore(tmp_path, GENESIS)


def test_a_newer_format_is_refused(tmp_path):
    StateStore(tmp_path, GENESIS).close()
    db = sqlite3.connect(tmp_path / FILE_NAME)
    db.execute(f"PRAGMA user_version = {FORMAT + 1}")
    db.close()
    with pytest.raises(ExecutorFailed, match="newer than"):
        StateStore(tmp_path, GENESIS)


def test_another_networks_state_is_refused(tmp_path):
    StateStore(tmp_path, GENESIS).close()
    with pytest.raises(ExecutorFailed, match="another network"):
        StateStore(tmp_path, Hash32(b"\x02" * 32))
