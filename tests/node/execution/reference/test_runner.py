"""Gas, refunds, authorizations and creations of one transaction, to the unit.

The public state tests hold all of it; these hold it without them, and two cases that
py-evm's own machine gets wrong.
"""

from dataclasses import replace

import pytest

from node.chain.transaction import SET_CODE
from node.execution.pyevm import PyEvmExecutor
from node.execution.validation import DELEGATION_PREFIX, MAX_INITCODE_BYTES
from node.primitives.types import Address
from tests.node.execution.assembler import call_to, code, initcode
from tests.node.execution.local_chain import PURSE, LocalChain, genesis_for
from tests.node.execution.signing import CHAIN_ID, Draft, address_of, authorization

ALICE, BOB, CAROL = (address_of(word) for word in ("alice", "bob", "carol"))
NOBODY = Address(b"\x99" * 20)
ZERO = Address(bytes(20))


@pytest.fixture
def chain(tmp_path):
    executor = PyEvmExecutor(tmp_path, genesis_for())
    yield LocalChain(executor, genesis_for())
    executor.close()


def gas_of(chain: LocalChain, word: str, draft: Draft) -> int:
    executed, _ = chain.send(word, draft)
    return executed.gas_used[0]


def test_clearing_a_slot_is_refunded(chain):
    at = chain.deploy(code(0, "CALLDATALOAD", 0, "SSTORE"))
    one = (1).to_bytes(32, "big")
    set_up = gas_of(chain, "alice", Draft(at, data=one))
    assert set_up == 21_000 + 31 * 4 + 16 + 2 + 3 + 2 + 22_100
    cleared = gas_of(chain, "alice", Draft(at, data=bytes(32)))
    assert cleared == 21_000 + 32 * 4 + 2 + 3 + 2 + 5_000 - 4_800


def test_refunds_are_at_most_a_fifth_of_the_gas_used(chain):
    filling = [item for slot in range(1, 6) for item in (1, slot, "SSTORE")]
    clearing = [item for slot in range(1, 6) for item in (0, slot, "SSTORE")]
    at = chain.deploy(
        code(
            *("CALLDATASIZE", "@clear", "JUMPI"), *filling, "STOP", ":clear", *clearing
        )
    )
    chain.send("alice", Draft(at))
    used = 21_000 + 4 + 2 + 3 + 10 + 1 + 5 * (2 + 3 + 5_000)
    assert used // 5 < 5 * 4_800
    assert gas_of(chain, "alice", Draft(at, data=b"\0")) == used - used // 5


def test_data_pays_at_least_its_floor(chain):
    data = b"\0" * 10 + b"\1" * 100
    floor = 21_000 + 10 * (10 + 4 * 100)
    assert gas_of(chain, "alice", Draft(BOB, data=data)) == floor
    before = chain.view().balance(ALICE)
    chain.send("alice", Draft(BOB, data=data))
    price = chain.header.base_fee_per_gas + 10**9
    assert chain.view().balance(ALICE) == before - floor * price


def test_a_failing_transaction_pays_all_its_gas_and_a_reverting_one_what_it_used(chain):
    broken = chain.deploy(code(1, 1, "SSTORE", "INVALID"))
    assert gas_of(chain, "alice", Draft(broken, gas=90_000)) == 90_000
    reverting = chain.deploy(code(1, 1, "SSTORE", 0, 0, "REVERT"))
    assert gas_of(chain, "alice", Draft(reverting)) == 21_000 + 6 + 22_100 + 4
    assert chain.view().slot(reverting, 1) == 0
    assert chain.view().nonce(ALICE) == 4


def delegate(chain: LocalChain, target: Address, nonce: int, chain_id: int = 0) -> int:
    """The gas of a transaction that lets bob's account run the target."""
    signed = authorization("bob", target, nonce, chain_id)
    draft = Draft(NOBODY, type=SET_CODE, authorizations=[signed])
    return gas_of(chain, "alice", draft)


def test_a_delegation_is_set_replaced_and_cleared(chain):
    first, second = chain.deploy(code(1)), chain.deploy(code(2))
    intrinsic = 21_000 + 25_000
    assert delegate(chain, first, 0) == intrinsic - intrinsic // 5
    assert chain.view().code(BOB) == DELEGATION_PREFIX + first
    assert chain.view().nonce(BOB) == 1
    delegate(chain, second, 1, CHAIN_ID)
    assert chain.view().code(BOB) == DELEGATION_PREFIX + second
    delegate(chain, ZERO, 2)
    assert chain.view().code(BOB) == b""
    assert chain.view().balance(BOB) == PURSE


@pytest.mark.parametrize(("nonce", "chain_id"), [(1, 0), (0, CHAIN_ID + 1)])
def test_an_authorization_that_does_not_hold_is_passed_over(chain, nonce, chain_id):
    assert delegate(chain, chain.deploy(code(1)), nonce, chain_id) == 46_000
    assert chain.view().code(BOB) == b""


def test_a_delegated_account_still_sends_and_runs_the_code_when_called(chain):
    at = chain.deploy(code("CALLER", 5, "SSTORE"))
    delegate(chain, at, 0)
    chain.send("bob", Draft(CAROL, value=1))
    chain.send("carol", Draft(BOB))
    assert chain.view().slot(BOB, 5) == int.from_bytes(CAROL, "big")
    assert chain.view().slot(at, 5) == 0


def test_a_sender_that_creates_by_its_own_delegated_code_pays_initcode_once(chain):
    init = code("CALLER", "SELFDESTRUCT")
    creating = code(init, 0, "MSTORE", 3, 29, 0, "CREATE", "POP")
    at = chain.deploy(creating)
    direct = gas_of(chain, "carol", Draft(at))
    delegate(chain, at, 0)
    own = gas_of(chain, "bob", Draft(BOB))
    assert own == direct


def test_initcode_above_the_limit_ends_the_frame_before_the_balance_is_asked(chain):
    size = MAX_INITCODE_BYTES + 1
    at = chain.deploy(code(size, 0, 10**30, "CREATE", 7, 0, "SSTORE"))
    _, receipt = chain.send("alice", Draft(at, gas=300_000))
    assert not receipt.succeeded
    allowed = code(size - 1, 0, 10**30, "CREATE", 7, 0, "SSTORE")
    other = chain.deploy(allowed)
    chain.send("alice", Draft(other, gas=300_000))
    assert chain.view().slot(other, 0) == 7


def test_a_contract_destroyed_in_its_own_transaction_is_gone_and_later_only_emptied(
    chain,
):
    destroying = code(CAROL, "SELFDESTRUCT")
    executed, _ = chain.send("alice", Draft(data=destroying, value=5))
    at = Address(executed.created[0])
    assert (chain.view().nonce(at), chain.view().balance(CAROL)) == (0, PURSE + 5)
    lasting = chain.deploy(destroying)
    chain.send("alice", Draft(lasting, value=5))
    assert chain.view().code(lasting) == destroying
    assert chain.view().balance(lasting) == 0


def test_a_creation_reports_its_address_and_a_failed_one_none(chain):
    executed, _ = chain.send("alice", Draft(data=initcode(code(1)), gas=100_000))
    assert chain.view().code(Address(executed.created[0])) == code(1)
    failed, receipt = chain.send("alice", Draft(data=code("INVALID"), gas=100_000))
    assert (failed.created, receipt.succeeded) == ((b"",), False)
    reserved = initcode(b"\xef\x00")
    failed, receipt = chain.send("alice", Draft(data=reserved, gas=100_000))
    assert (failed.gas_used, receipt.succeeded) == ((100_000,), False)


def test_what_a_child_left_over_comes_back(chain):
    leaf = chain.deploy(code(1))
    at = chain.deploy(call_to(leaf, gas=50_000))
    used = gas_of(chain, "alice", replace(Draft(at), gas=200_000))
    assert used == 21_000 + 5 * 2 + 3 + 3 + 2_600 + 3
