"""Calls, estimates, access lists, overrides and proofs on the reference executor."""

import threading
from dataclasses import replace

import pytest
from trie import HexaryTrie

from node.execution.executor import AccountOverride, Call, TracerConfig
from node.execution.pyevm import PyEvmExecutor
from node.execution.reference import calls
from node.primitives import rlp
from node.primitives.keccak import keccak256
from node.primitives.types import Address
from tests.node.execution.assembler import code
from tests.node.execution.local_chain import PURSE, LocalChain, genesis_for
from tests.node.execution.signing import GWEI, Draft, address_of, authorization

ALICE, BOB = address_of("alice"), address_of("bob")
POOR = Address(b"\x99" * 20)

WITH_DATA = ("CALLDATASIZE", 0, 0, "CALLDATACOPY", "CALLDATASIZE", 0)
ECHO = code(*WITH_DATA, "RETURN")
REVERT = code(*WITH_DATA, "REVERT")
LOOP = code(":again", "@again", "JUMP")
RETURN_WORD = (0, "MSTORE", 32, 0, "RETURN")
BASE_FEE = code("BASEFEE", *RETURN_WORD)
LOG = code(7, 0, 0, "LOG1")
# The second word of the data names a slot for the first; slot 1 becomes slot 0.
STORE = code(
    *(0, "CALLDATALOAD", 32, "CALLDATALOAD", "SSTORE"), *(0, "SLOAD", 1, "SSTORE")
)


@pytest.fixture
def chain(tmp_path):
    executor = PyEvmExecutor(tmp_path, genesis_for())
    yield LocalChain(executor, genesis_for())
    executor.close()


def call(chain: LocalChain, to: Address | None, data: bytes = b"", **more):
    request = Call(ALICE, to, data, **more)
    return chain.view().call(request, chain.env(), {})


def with_code(runtime: bytes, at: Address = POOR, **more):
    return {at: AccountOverride(code=runtime, **more)}


def test_a_call_returns_the_output_and_keeps_nothing(chain):
    echo = chain.deploy(ECHO)
    before = chain.view().accounts([ALICE, echo])
    result = call(chain, echo, b"hello", value=5)
    assert (result.output, result.error) == (b"hello", "")
    assert result.gas_used > 21_000
    assert chain.view().accounts([ALICE, echo]) == before


def test_a_revert_is_told_with_its_data(chain):
    result = call(chain, chain.deploy(REVERT), b"why")
    assert (result.output, result.error) == (b"why", "revert")


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (b"\xfe", "invalid opcode"),
        (code("POP"), "stack underflow"),
        (code(0, "JUMP"), "invalid jump destination"),
        (code(1, 1, "RETURNDATACOPY"), "stack underflow"),
        (code(1, 0, 0, "RETURNDATACOPY"), "return data out of bounds"),
        (LOOP, "out of gas"),
    ],
)
def test_failures_are_told_in_geths_words(chain, broken, reason):
    request = Call(ALICE, POOR, gas=50_000)
    override = with_code(broken)
    result = chain.view().call(request, chain.env(), override)
    assert result.error == reason


def test_logs_of_a_call_are_told(chain):
    at = chain.deploy(LOG)
    ((address, topics, data),) = call(chain, at).logs
    assert (address, topics, data) == (at, ((7).to_bytes(32, "big"),), b"")


def test_without_fees_neither_funds_for_gas_nor_the_base_fee_are_asked(chain):
    at = chain.deploy(BASE_FEE)
    result = chain.view().call(Call(POOR, at), chain.env(), {})
    assert int.from_bytes(result.output, "big") == 0
    paying = call(chain, at, gas_price=2 * GWEI, gas=100_000)
    assert int.from_bytes(paying.output, "big") == chain.env().base_fee_per_gas


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"gas_price": 1}, "less than block base fee"),
        ({"gas_price": 10**18}, "insufficient funds for gas"),
        ({"value": PURSE * 2}, "insufficient funds"),
        ({"gas": 20_000}, "intrinsic gas too low"),
        ({"authorizations": (b"\xc0",)}, "authorization is not decodable"),
    ],
)
def test_what_cannot_begin_says_why(chain, more, says):
    result = call(chain, BOB, b"x", **more)
    assert says in result.error


def test_an_endless_loop_ends_in_a_clear_error(chain, monkeypatch):
    monkeypatch.setattr(calls, "CALL_TIME_S", 0.2)
    at = chain.deploy(LOOP)
    assert "execution timeout" in call(chain, at, gas=10**12).error
    estimate = chain.view().estimate_gas(Call(ALICE, at, gas=10**12), chain.env(), {})
    assert not isinstance(estimate, int)


def test_a_pairing_that_the_time_does_not_cover_is_not_begun(chain, monkeypatch):
    monkeypatch.setattr(calls, "CALL_TIME_S", 0.2)
    pairing = Address(bytes(19) + b"\x08")
    result = call(chain, pairing, bytes(192 * 100), gas=20_000_000)
    assert "execution timeout" in result.error


def test_a_call_of_a_thousand_frames_works_in_a_thread(chain):
    at = chain.deploy(code(0, 0, 0, 0, 0, "ADDRESS", "GAS", "CALL"))
    results = []
    thread = threading.Thread(
        target=lambda: results.append(call(chain, at, gas=10**12))
    )
    thread.start()
    thread.join()
    assert results[0].error == ""


def test_a_trace_of_a_thousand_frames_works_in_a_thread(chain):
    at = chain.deploy(code(0, 0, 0, 0, 0, "ADDRESS", "GAS", "CALL"))
    view, env, depths = chain.view(), chain.env(), []

    def trace() -> None:
        call = Call(ALICE, at, gas=10**12)
        node = view.trace_call(call, env, {}, TracerConfig("callTracer"))
        depth = 1
        while "calls" in node:
            (node,) = node["calls"]
            depth += 1
        depths.append(depth)

    thread = threading.Thread(target=trace)
    thread.start()
    thread.join()
    assert depths == [1_025]


def test_overrides_lie_over_the_state(chain):
    at = chain.deploy(code(1, "SLOAD", 2, "SLOAD", "ADD", "BALANCE", *RETURN_WORD))
    over = {
        at: AccountOverride(state={1: 5}, state_diff={2: int.from_bytes(POOR, "big")}),
        Address((int.from_bytes(POOR, "big") + 5).to_bytes(20, "big")): AccountOverride(
            balance=77
        ),
    }
    result = chain.view().call(Call(ALICE, at), chain.env(), over)
    assert int.from_bytes(result.output, "big") == 77


def test_an_overridden_nonce_decides_the_address_of_a_creation(chain):
    address = code("ADDRESS", *RETURN_WORD)
    first = chain.view().call(Call(ALICE, None, address), chain.env(), {})
    later = chain.view().call(
        Call(ALICE, None, address), chain.env(), {ALICE: AccountOverride(nonce=9)}
    )
    assert first.output != later.output


def test_replacing_the_storage_hides_what_was_there(chain):
    at = chain.deploy(STORE)
    read = code(0, "SLOAD", *RETURN_WORD)
    chain.send("alice", _stores(at, 0, 9))
    assert chain.view().slot(at, 0) == 9
    replaced = with_code(read, at, state={3: 1})
    kept = with_code(read, at, state_diff={3: 1})
    answers = [
        int.from_bytes(chain.view().call(Call(ALICE, at), chain.env(), o).output, "big")
        for o in (replaced, kept)
    ]
    assert answers == [0, 9]


def _stores(at: Address, slot: int, value: int):
    words = value.to_bytes(32, "big") + slot.to_bytes(32, "big")
    return Draft(at, data=words)


def test_a_delegated_account_runs_the_code_it_names(chain):
    echo = chain.deploy(ECHO)
    signed = authorization("bob", echo, 0)
    result = call(chain, BOB, b"hi", authorizations=(signed,))
    assert result.output == b"hi"


def estimate(chain: LocalChain, request: Call, overrides=None):
    return chain.view().estimate_gas(request, chain.env(), overrides or {})


def suffices(chain: LocalChain, request: Call, gas: int, overrides=None) -> bool:
    limited = replace(request, gas=gas)
    return not chain.view().call(limited, chain.env(), overrides or {}).error


def test_a_plain_transfer_is_estimated_at_the_intrinsic_gas(chain):
    assert estimate(chain, Call(ALICE, BOB, value=1)) == 21_000


@pytest.mark.parametrize(
    ("runtime", "data"),
    [
        (STORE, (5).to_bytes(32, "big") * 2),
        (ECHO, b"\1" * 500),  # the floor of EIP-7623 decides
        (code("GAS", 40_000, "GT", "@no", "JUMPI", "STOP", ":no", "INVALID"), b""),
    ],
)
def test_an_estimate_is_the_smallest_that_suffices(chain, runtime, data):
    overrides = with_code(runtime)
    request = Call(ALICE, POOR, data)
    gas = estimate(chain, request, overrides)
    assert suffices(chain, request, gas, overrides)
    assert not suffices(chain, request, gas - 1, overrides)


def test_the_64th_that_a_call_keeps_back_is_part_of_the_estimate(chain):
    needy = code("GAS", 300_000, "GT", "@no", "JUMPI", "STOP", ":no", "INVALID")
    caller = code(*[0] * 5, POOR, "GAS", "CALL", "@yes", "JUMPI", "INVALID", ":yes")
    at = Address(b"\x88" * 20)
    overrides = with_code(needy) | with_code(caller, at)
    request = Call(ALICE, at)
    gas = estimate(chain, request, overrides)
    assert isinstance(gas, int)
    used = chain.view().call(replace(request, gas=gas), chain.env(), overrides).gas_used
    assert gas > used + 270_000
    assert not suffices(chain, request, gas - 1, overrides)


def test_a_failing_estimate_gives_the_failure(chain):
    at = chain.deploy(REVERT)
    result = estimate(chain, Call(ALICE, at, b"why"))
    assert (result.output, result.error) == (b"why", "revert")
    hungry = estimate(chain, Call(ALICE, chain.deploy(LOOP), gas=100_000))
    assert hungry.error == "gas required exceeds allowance (100000)"


def test_an_access_list_names_what_is_touched_and_not_what_is_warm_anyway(chain):
    at = chain.deploy(STORE)
    data = (5).to_bytes(32, "big") + (3).to_bytes(32, "big")
    result, listed = chain.view().access_list(Call(ALICE, at, data), chain.env())
    assert result.error == ""
    assert listed == ((at, (0, 1, 3)),)
    at = chain.deploy(code(POOR, "BALANCE", "CALLER", "BALANCE"))
    _, listed = chain.view().access_list(Call(ALICE, at), chain.env())
    assert listed == ((POOR, ()),)


def test_proofs_lead_from_the_state_root_to_account_and_slots(chain):
    at = chain.deploy(STORE)
    chain.send("alice", _stores(at, 0, 9))
    proof = chain.view().proof(at, [0, 1, 50])
    leaf = _proven(chain.header.state_root, keccak256(at), proof.account_proof)
    nonce, balance, root, code_hash = rlp.to_list(rlp.decode(leaf))
    assert (rlp.to_int(nonce), rlp.to_int(balance)) == (proof.nonce, proof.balance)
    assert (root, code_hash) == (proof.storage_root, proof.code_hash)
    assert code_hash == keccak256(STORE)
    for slot, value, nodes in proof.storage_proofs:
        found = _proven(root, keccak256(slot.to_bytes(32, "big")), nodes)
        assert (rlp.to_int(rlp.decode(found)) if found else 0) == value
    assert [value for _, value, _ in proof.storage_proofs] == [9, 9, 0]


def test_what_is_not_there_is_proven_absent(chain):
    proof = chain.view().proof(POOR, [1])
    assert _proven(chain.header.state_root, keccak256(POOR), proof.account_proof) == b""
    assert (proof.balance, proof.nonce, proof.storage_proofs) == (0, 0, ((1, 0, ()),))


def _proven(root: bytes, key: bytes, nodes) -> bytes:
    decoded = [rlp.decode(node) for node in nodes]
    return bytes(HexaryTrie.get_from_proof(root, key, decoded))
