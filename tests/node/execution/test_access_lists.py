"""eth_createAccessList as geth answers it, on each executor."""

from pathlib import Path

import pytest

from node.execution.executor import Call
from node.execution.select import choose, open_executor
from tests.node.execution.assembler import code
from tests.node.execution.differential import genesis_with
from tests.node.execution.local_chain import LocalChain
from tests.node.execution.programs import CONTRACTS, UNUSED
from tests.node.execution.signing import CHAIN_ID, address_of, authorization

ALICE, BOB = address_of("alice"), address_of("bob")
LOOK = code(1, "SLOAD", UNUSED, "BALANCE")
ONE_OPERAND = code(7, "SSTORE")
FOUR_OPERANDS = code(0, 0, UNUSED, "GAS", "CALL")
FAILING = code(0, 0, 0, 0, UNUSED, 9, "STATICCALL", "INVALID")
# Reads slot 0; then slot 7 where that was cold, else slot 8.
BY_WARMTH = code(
    *("GAS", 0, "SLOAD", "GAS", "SWAP1", "POP", "SWAP1", "SUB", 1_000, "LT"),
    *("@cold", "JUMPI", 8, "SLOAD", "STOP"),
    *(":cold", 7, "SLOAD"),
)
# Reads as many slots as it finds warm, and one more: grows with every run.
GROWING = code(
    *(0, ":next", "GAS", "DUP2", "SLOAD", "POP", "GAS", "SWAP1", "SUB", 1_000, "LT"),
    *("@cold", "JUMPI", 1, "ADD", "@next", "JUMP", ":cold"),
)


@pytest.fixture(params=("native", "pyevm"))
def kind(request):
    pytest.importorskip({"native": "chandlery_native", "pyevm": "eth"}[request.param])
    return choose(request.param)


def listed(kind: str, folder: Path, runtime: bytes, **more):
    """(result, list) of a call of Alice's to a contract with this code."""
    genesis = genesis_with([runtime, b""])
    chain = LocalChain(open_executor(kind, folder, genesis), genesis)
    try:
        call = Call(ALICE, CONTRACTS[0], **more)
        return chain.view().access_list(call, chain.env())
    finally:
        chain.executor.close()


def test_it_names_what_instructions_name(kind, tmp_path):
    result, found = listed(kind, tmp_path, LOOK)
    assert result.error == ""
    assert found == ((UNUSED, ()), (CONTRACTS[0], (1,)))


def test_one_operand_names_a_slot_and_four_name_no_account(kind, tmp_path):
    result, found = listed(kind, tmp_path / "one", ONE_OPERAND)
    assert (result.error, found) == ("stack underflow", ((CONTRACTS[0], (7,)),))
    result, found = listed(kind, tmp_path / "four", FOUR_OPERANDS)
    assert (result.error, found) == ("stack underflow", ())


def test_a_call_that_fails_names_as_well(kind, tmp_path):
    result, found = listed(kind, tmp_path, FAILING)
    assert (result.error, found) == ("invalid opcode", ((UNUSED, ()),))


def test_the_list_grows_from_run_to_run_and_forgets_nothing(kind, tmp_path):
    result, found = listed(kind, tmp_path, BY_WARMTH)
    assert result.error == ""
    assert found == ((CONTRACTS[0], (0, 7, 8)),)


def test_a_list_without_an_end_is_refused(kind, tmp_path):
    result, found = listed(kind, tmp_path, GROWING)
    assert result.error.startswith("the access list still grew after 32 runs")
    assert found == ((CONTRACTS[0], tuple(range(32))),)


def test_it_begins_with_the_list_that_is_given(kind, tmp_path):
    given = ((BOB, ()), (CONTRACTS[0], (3,)), (ALICE, ()), (ALICE, (4,)))
    _, found = listed(kind, tmp_path, LOOK, access_list=given)
    assert found == tuple(
        sorted([(ALICE, (4,)), (BOB, ()), (UNUSED, ()), (CONTRACTS[0], (1, 3))])
    )


def test_gas_that_does_not_pay_for_the_list_is_told_with_the_list(kind, tmp_path):
    result, found = listed(kind, tmp_path, LOOK, gas=21_000 + 4_800)
    assert result.error == "intrinsic gas too low: have 25800, want 27700"
    assert found == ((UNUSED, ()), (CONTRACTS[0], (1,)))


def test_what_is_warm_anyway_is_left_out(kind, tmp_path):
    precompile = bytes(19) + b"\x11"
    names = ("CALLER", "COINBASE", "ADDRESS", precompile, address_of("dave"), BOB)
    runtime = code(*(item for at in names for item in (at, "BALANCE")))
    signed = (
        authorization("dave", CONTRACTS[1], 0, CHAIN_ID),
        authorization("bob", CONTRACTS[1], 0, CHAIN_ID + 1),
    )
    result, found = listed(kind, tmp_path, runtime, authorizations=signed)
    assert result.error == ""
    assert found == ((BOB, ()),)
