"""Public state tests on the reference machine: a sample always, all with `-m long`.

Blob transactions, which this chain refuses, are left out. A case of Cancun runs with
what Prague added to every transaction (the floor of EIP-7623, more precompiles) taken
away; everything else of the two forks is the same for a single transaction.
"""

from typing import Any

import pytest
from eth.vm.forks.cancun.computation import CANCUN_PRECOMPILES

from node.execution import validation
from node.execution.reference import runner
from node.execution.reference.machine import ReferenceComputation
from node.execution.reference.state import BlockContext, ReferenceState
from node.execution.reference.world import EMPTY_CODE_HASH, Account, World
from node.execution.validation import Admitted, TransactionError
from node.primitives.trie import EMPTY_TRIE_ROOT
from tests.node.execution.state_vectors import (
    CHAIN_ID,
    alloc_of,
    ancestor_of,
    cases,
    logs_hash,
    to_bytes,
    transaction_of,
)

SAMPLE = 150
FITTING = [case for case in cases() if "blobVersionedHashes" not in case["tx"]]


class MemorySource:
    """Nodes and code of one state."""

    def __init__(self) -> None:
        self.nodes: dict = {}
        self.codes: dict = {EMPTY_CODE_HASH: b""}

    def node(self, digest: bytes):
        return self.nodes[digest]

    def code(self, digest: bytes) -> bytes:
        return self.codes[digest]


def world_of(pre: dict[str, Any]) -> World:
    """A committed state with these accounts."""
    source = MemorySource()
    world = World(source, EMPTY_TRIE_ROOT)
    for at, account in alloc_of(pre).items():
        world.set(at, Account(account.nonce, account.balance))
        if account.code:
            world.set_code(at, account.code)
        for slot, value in account.storage.items():
            world.set_slot(at, slot, value)
    sealed = world.seal()
    source.nodes.update(sealed.nodes)
    source.codes.update(sealed.codes)
    return World(source, sealed.root)


def context_of(env: dict[str, str]) -> BlockContext:
    return BlockContext(
        coinbase=to_bytes(env["currentCoinbase"]),
        timestamp=int(env["currentTimestamp"], 16),
        block_number=int(env["currentNumber"], 16),
        gas_limit=int(env["currentGasLimit"], 16),
        base_fee_per_gas=int(env["currentBaseFee"], 16),
        mix_hash=to_bytes(env["currentRandom"]).rjust(32, b"\0"),
        chain_id=CHAIN_ID,
        ancestor=lambda height: ancestor_of(env, height),
        excess_blob_gas=int(env.get("currentExcessBlobGas", "0x0"), 16),
    )


def run(case: dict[str, Any]) -> tuple[str, str]:
    """(state root, logs hash) after the transaction, refused or not."""
    world = world_of(case["pre"])
    context = context_of(case["env"])
    tx, sender = transaction_of(case["tx"])
    account = world.get(sender)
    logs = ()
    try:
        validation.validate_stateless(tx)
        validation.validate_stateful(
            tx,
            (account.nonce, account.balance, world.code(sender)),
            context.base_fee_per_gas,
            context.gas_limit,
        )
    except TransactionError:
        assert "exception" in case["expect"]
    else:
        state = ReferenceState(world, context)
        logs = runner.run_transaction(state, Admitted(tx, sender)).logs
    return "0x" + world.seal().root.hex(), "0x" + logs_hash(logs).hex()


def check(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    if case["fork"] == "Cancun":
        monkeypatch.setattr(validation, "floor_gas", lambda data: 0)
        monkeypatch.setattr(runner, "floor_gas", lambda data: 0)
        monkeypatch.setattr(ReferenceComputation, "_precompiles", CANCUN_PRECOMPILES)
    expect = case["expect"]
    assert run(case) == (expect["state_root"], expect["logs_hash"])


def sampled() -> list[dict[str, Any]]:
    """Every n-th case, the handmade ones of Prague all."""
    step = max(len(FITTING) // SAMPLE, 1)
    return [
        case
        for at, case in enumerate(FITTING)
        if at % step == 0 or "handmade" in case["id"]
    ]


def test_the_vectors_are_there():
    if not FITTING:
        pytest.skip("the public vectors are not beside the checkout")
    assert len(FITTING) > 1_200


@pytest.mark.parametrize("case", sampled(), ids=lambda case: case["id"])
def test_a_sampled_state_test(case, monkeypatch):
    check(case, monkeypatch)


@pytest.mark.long
@pytest.mark.parametrize("case", FITTING, ids=lambda case: case["id"])
def test_a_state_test(case, monkeypatch):
    check(case, monkeypatch)
