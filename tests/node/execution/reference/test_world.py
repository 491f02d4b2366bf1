"""The journaled world against a plain model that copies everything."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.chain.genesis import GenesisAccount, state_root_of
from node.execution.reference.world import Account, World
from node.primitives.trie import EMPTY_TRIE_ROOT
from node.primitives.types import Address

ADDRESSES = [Address(bytes((n,)) * 20) for n in (1, 2, 3)]


class MemorySource:
    def __init__(self) -> None:
        self.nodes: dict = {}
        self.codes: dict = {}

    def node(self, digest: bytes):
        return self.nodes[digest]

    def code(self, digest: bytes) -> bytes:
        return self.codes[digest]


class Model:
    """Accounts as dictionaries; a snapshot is a deep copy."""

    def __init__(self) -> None:
        self.accounts: dict = {}

    def account(self, at: Address) -> dict:
        blank = {"balance": 0, "nonce": 0, "code": b"", "storage": {}}
        return self.accounts.setdefault(at, blank)

    def root(self) -> bytes:
        return state_root_of(
            {
                at: GenesisAccount(a["balance"], a["nonce"], a["code"], a["storage"])
                for at, a in self.accounts.items()
            }
        )


addresses = st.sampled_from(ADDRESSES)
small = st.integers(0, 3)
steps = st.one_of(
    st.tuples(st.just("balance"), addresses, small),
    st.tuples(st.just("nonce"), addresses, small),
    st.tuples(st.just("code"), addresses, st.sampled_from([b"", b"\1", b"\2"])),
    st.tuples(st.just("slot"), addresses, st.tuples(small, small)),
    st.tuples(st.just("delete"), addresses, st.none()),
    st.tuples(st.just("snapshot"), addresses, st.none()),
    st.tuples(st.just("revert"), addresses, st.none()),
    st.tuples(st.just("seal"), addresses, st.none()),
)


def apply(world: World, model: Model, step: tuple) -> None:
    kind, at, value = step
    if kind == "balance":
        world.set_balance(at, value)
        model.account(at)["balance"] = value
    elif kind == "nonce":
        world.set_nonce(at, value)
        model.account(at)["nonce"] = value
    elif kind == "code":
        world.set_code(at, value)
        model.account(at)["code"] = value
    elif kind == "slot":
        if at in model.accounts:  # only what exists has storage
            world.set_slot(at, *value)
            model.account(at)["storage"][value[0]] = value[1]
    elif kind == "delete":
        world.delete(at)
        model.accounts.pop(at, None)


def sealed(source: MemorySource, world: World) -> World:
    """The next block's world."""
    result = world.seal()
    source.nodes.update(result.nodes)
    source.codes.update(result.codes)
    return World(source, result.root)


def test_a_deletion_that_is_undone_gives_the_storage_back():
    source = MemorySource()
    world = World(source, EMPTY_TRIE_ROOT)
    world.set_balance(ADDRESSES[0], 1)
    world.set_slot(ADDRESSES[0], 0, 7)
    world = sealed(source, world)
    mark = world.snapshot()
    world.delete(ADDRESSES[0])
    world.revert(mark)
    assert world.slot(ADDRESSES[0], 0) == 7
    assert world.seal().root == world.root


@given(st.lists(steps, max_size=40))
def test_any_history_gives_the_root_of_its_outcome(history):
    source, model = MemorySource(), Model()
    world = World(source, EMPTY_TRIE_ROOT)
    snapshots: list = []
    for step in history:
        if step[0] == "snapshot":
            snapshots.append((world.snapshot(), copy.deepcopy(model.accounts)))
        elif step[0] == "revert" and snapshots:
            mark, kept = snapshots.pop()
            world.revert(mark)
            model.accounts = kept
        elif step[0] == "seal":
            assert world.seal().root == model.root()
            world, snapshots = sealed(source, world), []
        else:
            apply(world, model, step)
    assert world.seal().root == model.root()
    for at in ADDRESSES:
        known = model.accounts.get(at)
        assert (world.find(at) is not None) == (known is not None)
        if known:
            assert world.code(at) == known["code"]
            for slot in range(4):
                assert world.slot(at, slot) == known["storage"].get(slot, 0)


@pytest.fixture
def world():
    return World(MemorySource(), EMPTY_TRIE_ROOT)


def test_touched_empty_accounts_vanish_with_the_transaction(world):
    at, other, third = ADDRESSES
    world.add_balance(at, 0)
    world.add_balance(other, 1)
    mark = world.snapshot()
    world.add_balance(third, 0)
    world.revert(mark)
    world.end_transaction()
    assert world.find(at) is None
    assert world.find(other) == Account(balance=1)


def test_an_original_value_is_that_before_the_transaction(world):
    at = ADDRESSES[0]
    world.set_nonce(at, 1)
    world.set_slot(at, 0, 5)
    world.end_transaction()
    world.set_slot(at, 0, 6)
    mark = world.snapshot()
    world.set_slot(at, 0, 7)
    world.revert(mark)
    assert (world.slot(at, 0), world.original_slot(at, 0)) == (6, 5)
    world.end_transaction()
    assert world.original_slot(at, 0) == 6


def test_what_was_accessed_is_forgotten_with_the_transaction(world):
    world.put(world.warm, ADDRESSES[0], True)
    world.put(world.transient, (ADDRESSES[0], 1), b"\1")
    mark = world.snapshot()
    world.put(world.warm, ADDRESSES[1], True)
    world.revert(mark)
    assert list(world.warm) == [ADDRESSES[0]]
    world.end_transaction()
    assert not world.warm
    assert not world.transient


def test_an_abandoned_transaction_leaves_nothing(world):
    at = ADDRESSES[0]
    world.set_nonce(at, 1)
    world.set_slot(at, 0, 5)
    world.end_transaction()
    before = world.seal().root
    world.set_slot(at, 0, 6)
    world.add_balance(ADDRESSES[1], 9)
    world.delete(at)
    world.abandon_transaction()
    assert world.seal().root == before
    assert world.original_slot(at, 0) == 5
