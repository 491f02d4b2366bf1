"""Traces as geth gives them, on each executor: what has steps."""

import pytest

from node.execution.executor import Call, TracerConfig
from node.execution.select import choose, open_executor
from tests.node.execution.assembler import call_to, code
from tests.node.execution.differential import genesis_with
from tests.node.execution.local_chain import LocalChain
from tests.node.execution.programs import CONTRACTS, UNUSED
from tests.node.execution.signing import address_of

ALICE = address_of("alice")
STOPS = code("STOP")
CREATES_NOTHING = code(0, 0, 0, "CREATE", "POP", "STOP")
CALLS_NOTHING = call_to(UNUSED) + code("POP", "STOP")
CALLS_A_STOP = call_to(CONTRACTS[3]) + code("POP", "STOP")
CODES = (CREATES_NOTHING, CALLS_NOTHING, CALLS_A_STOP, STOPS)


@pytest.fixture(params=("native", "pyevm"))
def chain(request, tmp_path):
    pytest.importorskip({"native": "chandlery_native", "pyevm": "eth"}[request.param])
    genesis = genesis_with(CODES)
    executor = open_executor(choose(request.param), tmp_path, genesis)
    yield LocalChain(executor, genesis)
    executor.close()


def steps(chain, to, **more):
    call = Call(ALICE, to, **more)
    found = chain.view().trace_call(call, chain.env(), {}, TracerConfig())
    return [(step["depth"], step["op"]) for step in found["structLogs"]]


def test_empty_code_has_no_steps(chain):
    assert steps(chain, UNUSED) == []
    assert steps(chain, None) == []
    for at, opcode in ((CONTRACTS[0], "CREATE"), (CONTRACTS[1], "CALL")):
        assert steps(chain, at)[-3:] == [(1, opcode), (1, "POP"), (1, "STOP")]


def test_code_that_stops_at_once_has_one(chain):
    called = [(1, "CALL"), (2, "STOP"), (1, "POP"), (1, "STOP")]
    assert steps(chain, CONTRACTS[2])[-4:] == called
    assert steps(chain, CONTRACTS[3]) == [(1, "STOP")]
    assert steps(chain, None, data=STOPS) == [(1, "STOP")]
