"""The native executor and the reference, block by block: roots, receipts, errors.

Blocks are made by Hypothesis from programs that do everything (`programs`). What
differs in one step differs in every root after it, so few blocks say much.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.chain.genesis import GenesisAccount
from node.chain.transaction import SET_CODE
from node.execution.executor import BuildLimits, BuiltBlock, ErrorKind
from node.execution.pyevm import PyEvmExecutor
from node.execution.select import open_executor
from node.primitives.keccak import keccak256
from shop_contract.artifact import load_artifact
from shop_contract.codec import encode_call
from tests.node.execution.differential import Pair, genesis_with
from tests.node.execution.local_chain import LocalChain, genesis_for
from tests.node.execution.programs import (
    BROKEN,
    CONTRACTS,
    POOR,
    SOUND,
    UNUSED,
    Planned,
    blocks,
    programs,
)
from tests.node.execution.signing import Draft, address_of, authorization

native = pytest.importorskip(
    "chandlery_native", reason="the native executor is not installed"
)

FEW = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
MANY = settings(FEW, max_examples=2_000)
CODES = st.lists(programs(), min_size=4, max_size=4)


def compare(codes, plans, data: bytes) -> None:
    from node.execution.native import NativeExecutor

    genesis = genesis_with(codes)
    with tempfile.TemporaryDirectory() as folder:
        first = PyEvmExecutor(Path(folder) / "first", genesis)
        second = NativeExecutor(Path(folder) / "second", genesis)
        try:
            pair = Pair(first, second, genesis)
            for plan in plans:
                pair.block(plan)
            pair.calls(data)
        finally:
            first.close()
            second.close()


@given(CODES, blocks, st.binary(max_size=40))
@FEW
def test_both_executors_say_the_same(codes, plans, data):
    compare(codes, plans, data)


@pytest.mark.long
@pytest.mark.timeout(3_600)
@given(CODES, blocks, st.binary(max_size=40))
@MANY
def test_both_executors_say_the_same_of_many_blocks(codes, plans, data):
    compare(codes, plans, data)


@pytest.mark.parametrize("broken", BROKEN, ids=range(len(BROKEN)))
def test_both_refuse_the_same_invalid_transactions(broken):
    compare([b""] * 4, [[SOUND, broken], [broken, SOUND]], b"")


def test_one_without_room_is_refused_only_for_what_no_state_mends(tmp_path):
    """One that cannot pay, and one whose nonce is used, wait for their turn; then the
    state that they would run on judges them."""
    genesis = genesis_with([b""] * 4)
    first = PyEvmExecutor(tmp_path / "first", genesis)
    second = open_executor("native", tmp_path / "second", genesis)
    pair = Pair(first, second, genesis)
    large = genesis.consensus.gas_limit + 1
    plans = [
        SOUND,
        Planned(POOR, Draft(UNUSED, value=1, gas=90_000)),
        Planned("alice", Draft(UNUSED, gas=90_000), nonce_offset=-1),
        Planned("bob", Draft(UNUSED, gas=large)),
        Planned("bob", Draft(UNUSED, gas=90_000, chain_id=1)),
    ]
    built = pair.build(plans, BuildLimits(100_000, 1_000_000, 600_000))
    assert built.included == (0,)
    assert _kinds(built) == [(3, ErrorKind.GAS_LIMIT), (4, ErrorKind.WRONG_CHAIN)]
    built = pair.build(plans)
    assert _kinds(built) == [
        (1, ErrorKind.INSUFFICIENT_FUNDS),
        (2, ErrorKind.NONCE_TOO_LOW),
        (3, ErrorKind.GAS_LIMIT),
        (4, ErrorKind.WRONG_CHAIN),
    ]
    # Beside what is left of the bytes, too.
    built = pair.build(plans, BuildLimits(30_000_000, 120, 600_000))
    assert _kinds(built) == [(3, ErrorKind.GAS_LIMIT), (4, ErrorKind.WRONG_CHAIN)]
    first.close()
    second.close()


def _kinds(built: BuiltBlock) -> list[tuple[int, ErrorKind]]:
    return [(position, error.kind) for position, error in built.refused]


@pytest.mark.parametrize("listed", [False, True], ids=["new", "empty in the genesis"])
@pytest.mark.parametrize("holds", [True, False], ids=["it holds", "it does not"])
def test_an_account_that_was_touched_and_left_empty_is_gone_for_the_next(
    tmp_path, listed, holds
):
    """EIP-161 within a block: an authorization of such an account refunds nothing."""
    genesis = genesis_with([b""] * 4)
    poor = address_of(POOR)
    if listed:
        genesis = replace(genesis, alloc={**genesis.alloc, poor: GenesisAccount()})
    signed = authorization(POOR, CONTRACTS[0], 0 if holds else 5)
    touches = Draft(poor, gas=21_000)
    delegates = Draft(UNUSED, type=SET_CODE, gas=100_000, authorizations=[signed])
    first = PyEvmExecutor(tmp_path / "first", genesis)
    second = open_executor("native", tmp_path / "second", genesis)
    pair = Pair(first, second, genesis)
    done = pair.block([Planned("alice", touches), Planned("bob", delegates)])
    assert done.gas_used == (21_000, 21_000 + 25_000)
    assert bool(pair.chain.view().code(poor)) == holds
    first.close()
    second.close()


def test_a_day_in_the_shop_is_the_same_on_both(tmp_path):
    """The shop's contract: deployed, filled, ordered from, with orders that fail."""
    genesis = genesis_for()
    both = open_executor("native", tmp_path, genesis, verify_with="pyevm")
    chain = LocalChain(both, genesis)
    draft = Draft(data=load_artifact().bytecode, gas=10_000_000)
    created, receipt = chain.send("alice", draft)
    assert receipt.succeeded
    shop = created.created[0]

    def call(word: str, name: str, *arguments: object, value: int = 0) -> bool:
        data = encode_call(name, *arguments)
        draft = Draft(shop, data=data, value=value, gas=500_000)
        return chain.send(word, draft)[1].succeeded

    for kind in range(3):
        assert call("alice", "add_option", kind, "plain")
    assert call("alice", "set_prices", [(0, 0, 0, 1_000)])
    assert call("alice", "adjust_stock", [(0, 0, 0, 3)])
    assert call("bob", "set_profile", b"sealed" * 10)
    order = (0, 0, 0, 1, 2_000)
    assert [
        call("bob", "place", *order, keccak256(bytes((n,))), b"", value=1_000)
        for n in (1, 1, 2, 3, 4)
    ] == [True, False, True, True, False]
    assert call("bob", "cancel", 1)
    assert call("bob", "withdraw")
    assert not call("carol", "mould", 2)
    both.close()
