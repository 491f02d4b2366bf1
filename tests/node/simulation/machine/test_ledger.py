"""Ledgers that share what executing a block gave are as good as those that do not."""

from dataclasses import replace

import pytest

from node.chain.block import Block
from node.chain.header import prev_randao_of
from node.execution.executor import (
    BlockEnv,
    BlockInvalid,
    BuildLimits,
    BuiltBlock,
    UnknownState,
)
from node.primitives.types import Hash32
from node.simulation.clients import PAYEE, account_of
from node.simulation.machine.keys import address_of
from node.simulation.machine.ledger import (
    KEPT_EXECUTIONS,
    PAY,
    Execution,
    Executions,
    Ledger,
    StateDisk,
    transaction,
)
from node.simulation.machine.virtual_time import START_S
from node.simulation.world import genesis_of

GENESIS = genesis_of(4)


def ledger(shared: Executions | None = None) -> Ledger:
    return Ledger(GENESIS, StateDisk(), shared)


def build(one: Ledger, nonce: int = 0) -> BuiltBlock:
    """A block with one payment on the genesis block."""
    rules = GENESIS.consensus.header_rules
    env = BlockEnv(
        number=1,
        timestamp=START_S,
        coinbase=address_of("A"),
        gas_limit=rules.gas_limit,
        base_fee_per_gas=rules.base_fee_after(GENESIS.header),
        prev_randao=prev_randao_of(GENESIS.digest, 1),
    )
    raw = transaction(account_of(2), nonce, PAY, PAYEE, 7)
    return one.build(GENESIS.header, env, [raw], BuildLimits(10**6, 10**6, 1_000))


def test_what_one_has_executed_the_other_need_not() -> None:
    shared = Executions()
    one, other, alone = ledger(shared), ledger(shared), ledger()
    built = build(one)
    assert shared.get(built.block) is not None
    assert other.execute(built.block) == alone.execute(built.block) == built.executed
    for each in (one, other, alone):
        assert each.pending_count == 1
        each.commit(built.executed.digest)
        assert each.head == (1, built.executed.digest)
        accounts = [account_of(2), PAYEE]
        assert each.view(built.executed.digest).accounts(accounts)[0][0] == 1


def test_a_result_counts_on_its_own_parent_state_alone() -> None:
    shared = Executions()
    built = build(ledger(shared))
    elsewhere = ledger(shared)
    poorer = replace(elsewhere._newest, accounts={})
    elsewhere._states = {poorer.digest: poorer}
    with pytest.raises(BlockInvalid):
        elsewhere.execute(built.block)
    elsewhere._states = {}
    with pytest.raises(UnknownState):
        elsewhere.execute(built.block)


def test_invalid_blocks_are_found_by_each_for_itself() -> None:
    shared = Executions()
    block = Block.decode(build(ledger()).block)
    header = replace(block.header, state_root=Hash32(bytes(32)))
    forged = Block(header, block.transactions).encode()
    for _ in range(2):
        with pytest.raises(BlockInvalid, match="state root"):
            ledger(shared).execute(forged)
    assert shared.get(forged) is None


def test_only_the_newest_are_kept() -> None:
    shared = Executions()
    made = build(ledger(shared))
    found = shared.get(made.block)
    assert isinstance(found, Execution)
    for number in range(KEPT_EXECUTIONS):
        shared.keep(b"%d" % number, found)
    assert shared.get(made.block) is None
    assert shared.get(b"0") is found
