"""The reference executor against the contract of `node.execution.executor`."""

from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest

from node.chain.block import Block
from node.chain.genesis import state_root_of
from node.chain.receipt import decode_receipt
from node.chain.validator_contract import VALIDATOR_CONTRACT
from node.execution.executor import (
    MAX_PENDING_BLOCKS,
    BlockInvalid,
    BuildLimits,
    ErrorKind,
    ExecutionTimeout,
    ExecutorFailed,
    TxError,
    TxInfo,
    UnknownState,
)
from node.execution.pyevm import PyEvmExecutor
from node.execution.reference.store import FLUSH_BLOCKS
from node.primitives.keccak import keccak256
from node.primitives.types import Hash32
from tests.node.execution.assembler import code
from tests.node.execution.local_chain import PURSE, LocalChain, genesis_for
from tests.node.execution.signing import Draft, address_of

COUNTER = bytes.fromhex("5f54600101805f55005b")  # adds 1 to slot 0
LOOP = bytes.fromhex("5b5f56")


@pytest.fixture
def genesis():
    return genesis_for()


@pytest.fixture
def executor(tmp_path: Path, genesis):
    executor = PyEvmExecutor(tmp_path, genesis)
    yield executor
    executor.close()


@pytest.fixture
def chain(executor: PyEvmExecutor, genesis):
    return LocalChain(executor, genesis)


def pay(word: str, nonce: int = 0, value: int = 1, **more: int) -> bytes:
    return Draft(address_of("bob"), nonce, value=value, gas=21_000, **more).sign(word)


def test_the_genesis_state_has_the_root_of_the_genesis_header(chain, genesis):
    assert genesis.header.state_root == state_root_of(genesis.alloc)
    assert chain.executor.head == (0, genesis.digest)
    assert chain.view().balance(address_of("alice")) == PURSE
    assert chain.view().code(VALIDATOR_CONTRACT)


def test_recovered_transactions_tell_what_a_pool_needs(executor):
    raw = Draft(address_of("bob"), 7, value=5, gas=30_000).sign("alice")
    info, error = executor.recover([raw, b"\xff"])
    assert info == TxInfo(
        keccak256(raw),
        address_of("alice"),
        7,
        30_000,
        10**10,
        10**9,
        5 + 30_000 * 10**10,
    )
    assert isinstance(error, TxError)
    assert error.kind == ErrorKind.MALFORMED


def test_a_transfer_moves_the_value_and_pays_the_fees(chain):
    executed = chain.add(pay("alice", value=100))
    header = chain.header
    fee = 21_000 * (header.base_fee_per_gas + 10**9)
    alice, bob = address_of("alice"), address_of("bob")
    assert chain.view().accounts([alice, bob]) == [
        (1, PURSE - 100 - fee),
        (0, PURSE + 100),
    ]
    assert chain.view().balance(header.coinbase) == PURSE + 21_000 * 10**9
    assert executed.touched == ((alice, 1, PURSE - 100 - fee),)
    assert executed.gas_used == (21_000,)
    assert decode_receipt(executed.receipts[0]).succeeded


def test_money_is_conserved_but_for_the_burned_base_fee(chain):
    chain.add(pay("alice"), pay("carol"), pay("dave"))
    accounts = [address_of(word) for word in ("alice", "bob", "carol", "dave", "v1")]
    total = sum(chain.view().balance(at) for at in accounts)
    burned = 3 * 21_000 * chain.header.base_fee_per_gas
    assert total + burned == 5 * PURSE


def test_a_built_block_executes_to_itself_elsewhere(chain, genesis, tmp_path):
    at = chain.deploy(COUNTER)
    chain.add(Draft(at).sign("bob"), Draft(at).sign("carol"), pay("dave"))
    other = PyEvmExecutor(tmp_path / "other", genesis)
    for block in chain.blocks:
        executed = other.execute(block)
        assert executed.state_root == Block.decode(block).header.state_root
        other.commit(executed.digest)
    assert other.view(chain.header.digest).slot(at, 0) == 2
    other.close()


def test_execute_does_not_run_a_block_again_that_is_held(chain):
    built = chain.build([pay("alice")])
    assert chain.executor.execute(built.block) is built.executed


def test_siblings_do_not_see_each_other(chain):
    first = chain.build([pay("alice", value=1)])
    second = chain.build([pay("alice", value=2)])
    third = chain.build([])
    assert len({b.executed.digest for b in (first, second, third)}) == 3
    chain.executor.discard(first.executed.digest)
    chain.commit(second)
    assert chain.view().balance(address_of("bob")) == PURSE + 2


def test_committing_drops_the_siblings(chain):
    first, second = chain.build([pay("alice")]), chain.build([])
    chain.commit(second)
    with pytest.raises(UnknownState):
        chain.executor.commit(first.executed.digest)


def test_commit_and_discard_may_be_said_twice(chain):
    built = chain.build([pay("alice")])
    chain.commit(built)
    chain.executor.commit(built.executed.digest)
    chain.executor.discard(built.executed.digest)
    chain.executor.discard(Hash32(bytes(32)))
    assert chain.view().nonce(address_of("alice")) == 1


def test_what_is_not_committed_has_no_view(chain):
    built = chain.build([])
    with pytest.raises(UnknownState):
        chain.executor.view(built.executed.digest)
    with pytest.raises(UnknownState):
        chain.executor.execute(_on_unknown_parent(built.block))


def _on_unknown_parent(block: bytes) -> bytes:
    decoded = Block.decode(block)
    header = replace(decoded.header, parent_hash=Hash32(bytes(32)))
    return Block(header, decoded.transactions).encode()


def test_pending_blocks_are_bounded_and_the_oldest_goes(chain):
    built = [chain.build([pay("alice", value=n)]) for n in range(MAX_PENDING_BLOCKS)]
    chain.build([])
    with pytest.raises(UnknownState):
        chain.executor.commit(built[0].executed.digest)
    chain.commit(built[1])


def test_a_commit_must_follow_the_head(chain):
    chain.add()
    old = chain.executor.build(
        chain.genesis.header, replace(chain.env(), number=2), [], _limits()
    )
    with pytest.raises(ExecutorFailed):
        chain.executor.commit(old.executed.digest)


def _limits(**changes: int) -> BuildLimits:
    return replace(BuildLimits(30_000_000, 1_000_000, 60_000), **changes)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("state_root", bytes(32)),
        ("transactions_root", bytes(32)),
        ("receipts_root", bytes(32)),
        ("logs_bloom", bytes(255) + b"\1"),
        ("gas_used", 1),
        ("extra_data", bytes(32)),
    ],
)
def test_a_header_that_lies_about_its_execution_is_invalid(chain, field, value):
    block = Block.decode(chain.build([pay("alice")]).block)
    forged = Block(replace(block.header, **{field: value}), block.transactions)
    with pytest.raises(BlockInvalid, match=field.replace("_", " ")[:5]):
        chain.executor.execute(forged.encode())


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (pay("alice", nonce=1), ErrorKind.NONCE_TOO_HIGH),
        (pay("stranger"), ErrorKind.INSUFFICIENT_FUNDS),
        (pay("alice", max_fee=1, priority_fee=1), ErrorKind.FEE_TOO_LOW),
        (b"\x02", ErrorKind.MALFORMED),
        (Draft(chain_id=1).sign("alice"), ErrorKind.WRONG_CHAIN),
    ],
    ids=["nonce", "funds", "fee", "form", "chain"],
)
def test_a_block_with_an_invalid_transaction_is_invalid(chain, raw, kind):
    built = chain.build([pay("bob")])
    chain.executor.discard(built.executed.digest)
    block = Block.decode(built.block)
    forged = Block(block.header, (*block.transactions, raw)).encode()
    with pytest.raises(BlockInvalid, match=f"transaction 1: {kind}"):
        chain.executor.execute(forged)


def test_a_held_header_with_other_transactions_is_an_invalid_block(chain):
    block = Block.decode(chain.build([pay("bob")]).block)
    forged = Block(block.header, (pay("alice"),)).encode()
    with pytest.raises(BlockInvalid, match="not those of the header"):
        chain.executor.execute(forged)


def test_bytes_that_are_no_block_are_an_invalid_block(executor):
    with pytest.raises(BlockInvalid):
        executor.execute(b"\xc0")


def test_build_skips_what_is_invalid_and_says_what_never_can_be(chain):
    raws = [
        pay("alice"),
        pay("stranger"),
        pay("alice", nonce=2),
        pay("alice"),
        pay("alice", nonce=1),
        b"junk",
    ]
    built = chain.build(raws)
    assert built.included == (0, 4)
    assert [(at, error.kind) for at, error in built.refused] == [
        (1, ErrorKind.INSUFFICIENT_FUNDS),
        (3, ErrorKind.NONCE_TOO_LOW),
        (5, ErrorKind.UNSUPPORTED_TYPE),
    ]
    assert Block.decode(built.block).transactions == (raws[0], raws[4])


def test_build_respects_gas_and_bytes(chain):
    raws = [pay("alice"), pay("carol"), pay("dave")]
    assert chain.build(raws, _limits(gas=42_000)).included == (0, 1)
    room = len(raws[0]) + len(raws[2])
    assert len(chain.build(raws, _limits(bytes=room)).included) == 2
    assert chain.build(raws, _limits(time_ms=0)).included == ()


def test_a_transaction_that_takes_too_long_is_refused_and_the_block_goes_on(chain):
    at = chain.deploy(LOOP)
    endless = Draft(at, gas=29_000_000).sign("bob")
    built = chain.build([endless, pay("carol")], _limits(time_ms=100))
    assert [error.kind for _, error in built.refused] == [ErrorKind.UNBUILDABLE]
    both = chain.build([pay("carol"), endless], _limits(time_ms=100))
    assert both.included == (0,)
    chain.commit(both)
    assert chain.view().nonce(address_of("bob")) == 0


def test_the_state_is_there_again_after_a_restart(tmp_path, genesis):
    executor = PyEvmExecutor(tmp_path / "again", genesis)
    chain = LocalChain(executor, genesis)
    at = chain.deploy(COUNTER)
    chain.send("bob", Draft(at))
    executor.close()
    again = PyEvmExecutor(tmp_path / "again", genesis)
    assert again.head == (chain.header.number, chain.header.digest)
    assert again.view(chain.header.digest).slot(at, 0) == 1
    grown = LocalChain(again, genesis)
    grown.header = chain.header
    grown.send("bob", Draft(at))
    assert grown.view().slot(at, 0) == 2
    again.close()


def test_a_head_that_was_lost_is_replayed_to_the_same_state(tmp_path, genesis):
    executor = PyEvmExecutor(tmp_path / "lost", genesis)
    chain = LocalChain(executor, genesis)
    for nonce in range(FLUSH_BLOCKS + 3):
        chain.add(pay("alice", nonce))
    durable, _ = executor.head
    assert 0 < durable < chain.header.number
    copytree(tmp_path / "lost", tmp_path / "found")  # as a crash would leave it
    executor.close()
    again = PyEvmExecutor(tmp_path / "found", genesis)
    assert again.head[0] == durable
    for block in chain.blocks[durable:]:
        again.commit(again.execute(block).digest)
    assert again.view(chain.header.digest).nonce(address_of("alice")) == len(
        chain.blocks
    )
    again.close()


def test_blocks_below_the_head_can_be_executed_again(chain):
    chain.add(pay("alice"))
    first = chain.blocks[0]
    chain.add(pay("alice", 1))
    assert chain.executor.execute(first).gas_used == (21_000,)
    chain.add(pay("alice", 2))


def test_old_states_stay_readable(chain):
    headers = [chain.header]
    for nonce in range(3):
        chain.add(pay("alice", nonce))
        headers.append(chain.header)
    nonces = [
        chain.executor.view(header.digest).nonce(address_of("alice"))
        for header in headers
    ]
    assert nonces == [0, 1, 2, 3]


def test_a_state_of_another_network_is_refused(tmp_path, genesis):
    PyEvmExecutor(tmp_path / "state", genesis).close()
    with pytest.raises(ExecutorFailed, match="another network"):
        PyEvmExecutor(tmp_path / "state", genesis_for(validators=("v2",)))


def test_block_hashes_of_ancestors_are_seen(chain):
    at = chain.deploy(bytes.fromhex("60014303405f5500"))  # keeps the parent's hash
    parent = chain.header.digest
    chain.send("alice", Draft(at))
    assert chain.view().slot(at, 0) == int.from_bytes(parent, "big")


def test_the_system_contracts_are_told_of_every_block(chain):
    genesis_hash = chain.header.digest
    chain.add()
    history = bytes.fromhex("0000f90827f1c53a10cb7a02335b175320002935")
    roots = bytes.fromhex("000f3df6d732807ef1319fb7b8bb8522d0beac02")
    timestamp = chain.header.timestamp
    assert chain.view().slot(history, 0) == int.from_bytes(genesis_hash, "big")
    assert chain.view().slot(roots, timestamp % 8191) == timestamp


def test_blocks_of_one_second_may_follow_each_other(chain):
    first = chain.executor.build(
        chain.header, replace(chain.env(), timestamp=5), [], _limits()
    )
    chain.commit(first)
    second = chain.executor.build(
        chain.header, replace(chain.env(), timestamp=5), [], _limits()
    )
    assert chain.commit(second).validators == chain.genesis.validators.addresses


def test_a_proposal_that_runs_too_long_is_given_up_and_is_valid_all_the_same(
    chain, tmp_path
):
    other = PyEvmExecutor(tmp_path / "other", chain.genesis)
    built = chain.build([Draft(address_of("bob"), value=1).sign("alice")])
    with pytest.raises(ExecutionTimeout, match="block 1 runs longer"):
        other.execute(built.block, time_ms=0)
    assert other.execute(built.block) == built.executed
    other.close()


def test_a_precompile_that_would_overrun_its_time_is_not_begun(chain, tmp_path):
    """Python's pairing on alt_bn128, and a power, hold the interpreter for long."""
    pairing = code(32, 0, 192, 0, 0, 8, "GAS", "CALL")
    sizes = code(32, 0, "MSTORE", 2**20, 32, "MSTORE", 32, 64, "MSTORE")
    power = sizes + code(32, 0, 2**20, 0, 0, 5, "GAS", "CALL")
    for runtime in (pairing, power):
        at = chain.deploy(runtime)
        other = PyEvmExecutor(tmp_path / at.hex(), chain.genesis)
        for block in chain.blocks:
            other.commit(other.execute(block).digest)
        nonce = chain.view().nonce(address_of("alice"))
        sent = Draft(at, nonce, gas=25_000_000, max_fee=10**12).sign("alice")
        built = chain.build([sent])
        assert built.included == (0,)
        with pytest.raises(ExecutionTimeout):
            other.execute(built.block, time_ms=100)
        chain.commit(built)
        other.close()
