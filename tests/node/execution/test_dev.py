"""The executors of a dev chain: one sequence of operations, one state, one answer."""

from collections.abc import Callable

import pytest

from node.chain.genesis import Genesis
from node.execution.dev import DevExecutor, open_dev_executor
from node.execution.executor import (
    AccountOverride,
    BlockEnv,
    ExecutorFailed,
    TxInfo,
    UnknownState,
)
from tests.node.execution.dev_pair import CODES, LIMITS, DevPair, marked
from tests.node.execution.local_chain import LocalChain, genesis_for
from tests.node.execution.signing import Draft, address_of

pytest.importorskip("eth", reason="py-evm is not installed")
pytest.importorskip("chandlery_native", reason="the native executor is not installed")

KINDS = ("native", "pyevm")
STEPS = 60
SEEDS = range(6)
AT = address_of("nobody")


def opener(kind: str) -> Callable[[Genesis], DevExecutor]:
    return lambda genesis: open_dev_executor(kind, genesis)


@pytest.fixture(params=KINDS)
def chain(request):
    genesis = genesis_for()
    executor = open_dev_executor(request.param, genesis)
    yield LocalChain(executor, genesis)
    executor.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_operations_give_the_same_states_and_answers(seed):
    pair = DevPair([opener(kind) for kind in KINDS], seed)
    for _ in range(STEPS):
        pair.step()
    assert pair.rewinds
    assert pair.refusals
    assert pair.impersonated


def test_a_thousand_states_further_back_is_still_a_state(chain):
    executor = chain.executor
    first = executor.mark()
    dumps = {}
    for at in range(1, 1_200):
        executor.edit({AT: AccountOverride(balance=at, state_diff={at % 7: at})})
        if at in (1, 100, 1_150):
            dumps[executor.mark()] = executor.dump()
    before = chain.header.digest
    chain.add()
    for mark, dump in reversed(dumps.items()):
        executor.rewind(mark)
        assert executor.dump() == dump
        balance = dump[AT].balance
        assert executor.view(before).balance(AT) == balance
    executor.rewind(first)
    assert AT not in executor.dump()


def test_old_blocks_are_read_behind_a_thousand_others(chain):
    chain.executor.edit({AT: AccountOverride(balance=5)})
    old = chain.header.digest
    for _ in range(1_100):
        chain.add()
    assert chain.executor.view(old).balance(AT) == 5
    chain.executor.edit({AT: AccountOverride(balance=6)})
    assert chain.executor.view(old).balance(AT) == 5
    assert chain.view().balance(AT) == 6


def test_going_back_takes_code_with_it_but_not_what_was_there_before(chain):
    executor = chain.executor
    executor.edit({AT: AccountOverride(code=CODES[1])})
    mark = executor.mark()
    executor.edit({AT: AccountOverride(code=CODES[2])})
    executor.edit({address_of("other"): AccountOverride(code=CODES[1])})
    executor.rewind(mark)
    assert chain.view().code(AT) == CODES[1]
    executor.edit({AT: AccountOverride(code=CODES[2])})
    assert chain.view().code(AT) == CODES[2]


@pytest.mark.parametrize("mark", [0, 99])
def test_there_is_no_way_to_a_state_that_never_was(chain, mark):
    with pytest.raises(ExecutorFailed, match="to go back to"):
        chain.executor.rewind(mark)
    chain.add()


def test_an_edit_forgets_blocks_that_wait(chain):
    built = chain.build([])
    chain.executor.edit({AT: AccountOverride(balance=1)})
    with pytest.raises(UnknownState):
        chain.executor.commit(built.executed.digest)


def test_a_view_stays_what_it_was_when_the_chain_goes_back(chain):
    mark = chain.executor.mark()
    chain.executor.edit({AT: AccountOverride(balance=7, state_diff={1: 2})})
    view = chain.view()
    chain.executor.rewind(mark)
    assert chain.view().balance(AT) == 0
    if chain.executor.name == "native":
        assert (view.balance(AT), view.slot(AT, 1)) == (7, 2)


def test_a_contract_sends_only_by_decree(chain):
    executor = chain.executor
    executor.edit({AT: AccountOverride(code=CODES[1], balance=10**18)})
    raw = marked(AT, Draft(to=address_of("bob"), value=3))
    [info] = executor.recover([raw])
    assert isinstance(info, TxInfo)
    assert info.sender == AT
    chain.add(raw)
    assert chain.view().nonce(AT) == 1


def test_a_mark_at_another_place_is_a_bad_signature(chain):
    raw = Draft(to=AT).sign("alice")
    forged = raw[:-32] + marked(AT, Draft(to=AT))[-32:]
    [info] = chain.executor.recover([forged])
    assert info.kind == "bad_signature"


def test_another_chain_id_refuses_what_was_for_the_first(chain):
    raw = Draft(to=AT).sign("alice")
    assert isinstance(chain.executor.recover([raw])[0], TxInfo)
    chain.executor.set_chain_id(5)
    [info] = chain.executor.recover([raw])
    assert info.kind == "wrong_chain"
    chain.executor.edit({AT: AccountOverride(code=CODES[2])})
    chain.add(Draft(to=AT, chain_id=5).sign("alice"))
    assert chain.view().slot(AT, 1) == 5


def test_the_blocks_environment_is_what_it_is_told(chain):
    env = BlockEnv(
        number=1,
        timestamp=chain.header.timestamp,
        coinbase=AT,
        gas_limit=1_000_000,
        base_fee_per_gas=0,
        prev_randao=b"\xab" * 32,
    )
    built = chain.executor.build(chain.header, env, [], LIMITS)
    chain.commit(built)
    header = chain.header
    assert (header.coinbase, header.prev_randao) == (AT, b"\xab" * 32)
    assert (header.base_fee_per_gas, header.gas_limit) == (0, 1_000_000)
