"""Calls as deep as the EVM allows, whatever recursion limit the interpreter has."""

import inspect
import sys
import threading

import pytest

from node.execution.executor import Call, TracerConfig
from node.execution.pyevm import PyEvmExecutor
from node.execution.reference.machine import RECURSION_LIMIT, DeepRecursion
from tests.node.execution.assembler import code
from tests.node.execution.differential import genesis_with
from tests.node.execution.local_chain import LocalChain
from tests.node.execution.programs import CONTRACTS
from tests.node.execution.signing import address_of

GAS = 10**13
DEPTH = 1_025
CALLS_ITSELF = code(0, 0, 0, 0, 0, "ADDRESS", "GAS", "CALL")
CREATES_ITSELF = code("CODESIZE", 0, 0, "CODECOPY", "CODESIZE", 0, 0, "CREATE")
LIMIT = 500
SETTLED_S = 20


@pytest.fixture
def chain(tmp_path):
    genesis = genesis_with([CALLS_ITSELF, CREATES_ITSELF])
    executor = PyEvmExecutor(tmp_path, genesis)
    yield LocalChain(executor, genesis)
    executor.close()


@pytest.fixture
def low_limit():
    """A recursion limit barely above the test's own depth, as Hypothesis sets it."""
    before = sys.getrecursionlimit()
    limit = len(inspect.stack(0)) + LIMIT
    sys.setrecursionlimit(limit)
    yield limit
    sys.setrecursionlimit(before)


def test_calls_go_as_deep_as_the_evm_lets_them(chain, low_limit):
    call = Call(address_of("alice"), CONTRACTS[0], gas=GAS)
    view, env = chain.view(), chain.env()
    assert view.call(call, env, {}).error == ""
    steps = view.trace_call(call, env, {}, TracerConfig())["structLogs"]
    assert max(step["depth"] for step in steps) == DEPTH
    tree = view.trace_call(call, env, {}, TracerConfig("callTracer"))
    assert depth_of(tree) == DEPTH
    assert sys.getrecursionlimit() == low_limit


def test_creations_go_as_deep_as_their_gas_lets_them(chain, low_limit):
    call = Call(address_of("alice"), CONTRACTS[1], gas=GAS)
    view, env = chain.view(), chain.env()
    steps = view.trace_call(call, env, {}, TracerConfig())["structLogs"]
    deepest = max(step["depth"] for step in steps)
    assert deepest > 900
    tree = view.trace_call(call, env, {}, TracerConfig("callTracer"))
    assert depth_of(tree) == deepest
    assert sys.getrecursionlimit() == low_limit


def test_the_limit_stays_raised_until_the_last_thread_has_left(low_limit):
    room = DeepRecursion()
    inside, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with room:
            inside.set()
            leave.wait(SETTLED_S)

    other = threading.Thread(target=stay)
    with room:
        other.start()
        assert inside.wait(SETTLED_S)
    assert sys.getrecursionlimit() == RECURSION_LIMIT
    leave.set()
    other.join(SETTLED_S)
    assert sys.getrecursionlimit() == low_limit


def depth_of(tree: dict) -> int:
    depth = 1
    while tree.get("calls"):
        tree = tree["calls"][0]
        depth += 1
    return depth
