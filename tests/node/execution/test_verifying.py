"""Two executors side by side: equal results pass, the first difference halts.

The second is a reference executor as well, for one test with a changed gas constant.
"""

from dataclasses import replace

import pytest

from node.chain.block import Block
from node.execution.executor import (
    BlockInvalid,
    ErrorKind,
    ExecutionTimeout,
    TxError,
)
from node.execution.pyevm import PyEvmExecutor
from node.execution.reference import runner
from node.execution.verifying import ExecutorsDisagree, VerifyingExecutor
from tests.node.execution.assembler import code
from tests.node.execution.local_chain import LIMITS, PURSE, LocalChain, genesis_for
from tests.node.execution.signing import Draft, address_of

GENESIS = genesis_for()


class Costlier(PyEvmExecutor):
    """A reference executor that gives all refunds instead of a fifth."""

    name = "costlier"

    def execute(self, block, time_ms=None):
        kept = runner.REFUND_QUOTIENT
        runner.REFUND_QUOTIENT = 1
        try:
            return super().execute(block, time_ms)
        finally:
            runner.REFUND_QUOTIENT = kept


class Forgetful(PyEvmExecutor):
    """A reference executor that tells fewer gas than was used."""

    name = "forgetful"

    def execute(self, block, time_ms=None):
        executed = super().execute(block, time_ms)
        return replace(executed, gas_used=tuple(gas - 1 for gas in executed.gas_used))


class Patient(PyEvmExecutor):
    """A reference executor that takes as long as it needs, as a fast one would."""

    def build(self, parent, env, raws, limits):
        return super().build(parent, env, raws, LIMITS)


class Strict(PyEvmExecutor):
    """A reference executor that finds every transaction malformed."""

    name = "strict"

    def recover(self, raws):
        answers = super().recover(raws)
        return [TxError(a.hash, ErrorKind.MALFORMED, "no") for a in answers]


@pytest.fixture
def first(tmp_path):
    executor = PyEvmExecutor(tmp_path / "first", GENESIS)
    yield executor
    executor.close()


def beside(first, kind, tmp_path):
    return VerifyingExecutor(first, kind(tmp_path / "second", GENESIS))


def pay(nonce: int = 0) -> bytes:
    return Draft(address_of("bob"), nonce, value=1).sign("alice")


def test_two_that_agree_are_as_one(first, tmp_path):
    both = beside(first, PyEvmExecutor, tmp_path)
    chain = LocalChain(both, GENESIS)
    assert both.recover([pay(), b""]) == first.recover([pay(), b""])
    chain.add(pay())
    discarded = chain.build([pay(1)])
    both.discard(discarded.executed.digest)
    executed = both.execute(chain.build([]).block)
    both.commit(executed.digest)
    assert both.view(executed.digest).balance(address_of("bob")) == PURSE + 1
    both.close()


def test_another_result_of_the_own_block_halts(first, tmp_path):
    chain = LocalChain(beside(first, Forgetful, tmp_path), GENESIS)
    with pytest.raises(ExecutorsDisagree, match=r"gas_used\[0\] 21000") as caught:
        chain.build([pay()])
    assert caught.value.exit_code == 3
    assert "forgetful" in str(caught.value)


def test_a_changed_gas_constant_halts(first, tmp_path):
    both = beside(first, Costlier, tmp_path)
    chain = LocalChain(both, GENESIS)
    clearing = code(1, 0, "SSTORE", 0, 0, "SSTORE")
    at = chain.deploy(clearing)
    with pytest.raises(ExecutorsDisagree, match=r"costlier says invalid.*gas used"):
        chain.send("alice", Draft(at))


def test_a_block_that_both_refuse_is_invalid_and_one_that_one_refuses_halts(
    first, tmp_path
):
    both = beside(first, PyEvmExecutor, tmp_path)
    built = LocalChain(first, GENESIS).build([pay()])
    first.discard(built.executed.digest)
    block = Block.decode(built.block)
    forged = Block(replace(block.header, gas_used=1), block.transactions)
    with pytest.raises(BlockInvalid, match="gas used is 21000, not 1"):
        both.execute(forged.encode())
    with pytest.raises(BlockInvalid, match="not decodable"):
        both.execute(b"")
    both.close()


def test_an_own_block_that_takes_the_second_too_long_is_given_up(tmp_path):
    """The driver offers the builder less then, and at last not this transaction."""
    both = beside(Patient(tmp_path / "first", GENESIS), PyEvmExecutor, tmp_path)
    chain = LocalChain(both, GENESIS)
    at = chain.deploy(code(32, 0, 192, 0, 0, 8, "GAS", "CALL"))  # a pairing
    heavy = Draft(at, 1).sign("alice")
    with pytest.raises(ExecutionTimeout):
        chain.build([heavy], replace(LIMITS, time_ms=100))
    chain.add(heavy)
    both.close()


def test_another_verdict_on_a_transaction_halts(first, tmp_path):
    both = beside(first, Strict, tmp_path)
    with pytest.raises(ExecutorsDisagree, match="malformed"):
        both.recover([pay()])


def test_after_a_crash_the_one_behind_catches_up_alone(first, tmp_path):
    chain = LocalChain(first, GENESIS)
    for nonce in range(3):
        chain.add(pay(nonce))
    first.close()
    ahead = PyEvmExecutor(tmp_path / "first", GENESIS)
    behind = PyEvmExecutor(tmp_path / "second", GENESIS)
    behind.commit(behind.execute(chain.blocks[0]).digest)
    behind.close()
    behind = PyEvmExecutor(tmp_path / "second", GENESIS)
    both = VerifyingExecutor(ahead, behind)
    assert both.head[0] == 1
    for block in chain.blocks[both.head[0] :]:
        both.commit(both.execute(block).digest)
    assert both.view(chain.header.digest).nonce(address_of("alice")) == 3
    assert behind.view(chain.header.digest).nonce(address_of("alice")) == 3
    both.close()
