"""Tries against py-trie, public vectors and their own proofs."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trie import HexaryTrie

from node.primitives import rlp
from node.primitives.keccak import keccak256
from node.primitives.trie import (
    EMPTY_TRIE_ROOT,
    get,
    join_node,
    list_root,
    prove,
    split_node,
    update,
)

VECTORS = Path(__file__).resolve().parents[3].parent / "shared/vectors/trie"

# Few nibbles, so that paths share prefixes, split, merge and end inside one another.
NIBBLES = st.sampled_from([0x00, 0x01, 0x10, 0x11])
KEYS = st.lists(NIBBLES, min_size=1, max_size=3).map(bytes)
VALUES = st.one_of(st.just(b""), st.binary(min_size=1, max_size=40))
BATCHES = st.lists(st.dictionaries(KEYS, VALUES, max_size=8), max_size=6)


class Store:
    """Nodes in memory, and a root that moves."""

    def __init__(self) -> None:
        self.nodes: dict = {}
        self.root = EMPTY_TRIE_ROOT

    def load(self, digest: bytes):
        return self.nodes[digest]

    def update(self, changes: dict) -> None:
        self.root = update(self.load, self.root, changes, self.nodes)

    def get(self, key: bytes) -> bytes:
        return get(self.load, self.root, key)


def oracle_root(content: dict) -> bytes:
    """What py-trie makes of the content, set key by key."""
    oracle = HexaryTrie({})
    for key, value in content.items():
        if value:
            oracle[key] = value
    return oracle.root_hash


@given(BATCHES)
def test_batches_give_the_roots_of_setting_key_by_key(batches):
    store = Store()
    content: dict = {}
    for changes in batches:
        store.update(changes)
        content |= changes
        assert store.root == oracle_root(content)
        assert {key: store.get(key) for key in content} == content


@given(BATCHES)
def test_nodes_are_stored_under_their_hash_and_split_as_they_join(batches):
    store = Store()
    for changes in batches:
        store.update(changes)
    for digest, node in store.nodes.items():
        assert keccak256(join_node(node)) == digest
        assert split_node(join_node(node)) == node


@given(BATCHES)
def test_older_roots_stay_readable(batches):
    store = Store()
    history: list[tuple] = []
    content: dict = {}
    for changes in batches:
        store.update(changes)
        content = {**content, **changes}
        history.append((store.root, content))
    for root, then in history:
        for key, value in then.items():
            assert get(store.load, root, key) == value


@given(
    st.dictionaries(st.binary(min_size=4, max_size=4), st.binary(min_size=1)),
    st.binary(min_size=4, max_size=4),
)
def test_a_proof_convinces_another_library_of_presence_and_absence(content, key):
    hashed = {keccak256(k): v for k, v in content.items()}
    store = Store()
    store.update(hashed)
    for wanted in [*hashed, keccak256(key)]:
        nodes = [rlp.decode(n) for n in prove(store.load, store.root, wanted)]
        if not content:
            assert nodes == []
            continue
        found = HexaryTrie.get_from_proof(store.root, wanted, nodes)
        assert found == hashed.get(wanted, b"")


def test_removing_everything_leaves_the_empty_root():
    store = Store()
    keys = [keccak256(bytes((n,))) for n in range(50)]
    store.update(dict.fromkeys(keys, b"x" * 40))
    assert store.root != EMPTY_TRIE_ROOT
    store.update(dict.fromkeys(keys, b""))
    assert store.root == EMPTY_TRIE_ROOT


def test_a_missing_node_is_an_error_and_not_an_empty_value():
    store = Store()
    store.update({keccak256(bytes((n,))): b"x" * 40 for n in range(50)})
    del store.nodes[store.root]
    with pytest.raises(KeyError):
        store.get(keccak256(b"\0"))


def test_the_root_of_a_list_is_that_of_its_index_trie():
    items = [bytes((n,)) * 50 for n in range(200)]
    oracle = HexaryTrie({})
    for at, item in enumerate(items):
        oracle[rlp.encode(rlp.from_int(at))] = item
    assert list_root(items) == oracle.root_hash
    assert list_root([]) == EMPTY_TRIE_ROOT


def _bytes_of(text: str | None) -> bytes:
    if text is None:
        return b""
    return bytes.fromhex(text[2:]) if text.startswith("0x") else text.encode()


@pytest.mark.parametrize(
    ("name", "secure"),
    [
        ("trietest", False),
        ("trieanyorder", False),
        ("trietest_secureTrie", True),
        ("trieanyorder_secureTrie", True),
        ("hex_encoded_securetrie_test", True),
    ],
)
def test_public_vectors(name, secure):
    path = VECTORS / f"{name}.json"
    if not path.exists():
        pytest.skip("the public vectors are not beside the checkout")
    cases = json.loads(path.read_text())
    assert cases
    for case in cases.values():
        pairs = case["in"].items() if isinstance(case["in"], dict) else case["in"]
        store = Store()
        for key, value in pairs:
            raw = _bytes_of(key)
            store.update({keccak256(raw) if secure else raw: _bytes_of(value)})
        assert "0x" + store.root.hex() == case["root"]
