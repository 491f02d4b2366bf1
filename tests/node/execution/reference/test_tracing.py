"""The struct logger and the callTracer, in geth's shape."""

import pytest

from node.execution.executor import Call, TracerConfig
from node.execution.pyevm import PyEvmExecutor
from tests.node.execution.assembler import call_to, code, initcode
from tests.node.execution.local_chain import LocalChain, genesis_for
from tests.node.execution.signing import Draft, address_of

ALICE, BOB = address_of("alice"), address_of("bob")
STEPS = TracerConfig()
CALLS = TracerConfig("callTracer")


@pytest.fixture
def chain(tmp_path):
    executor = PyEvmExecutor(tmp_path, genesis_for())
    yield LocalChain(executor, genesis_for())
    executor.close()


def trace_call(chain, to, config=STEPS, data=b"", **more):
    call = Call(ALICE, to, data, **more)
    return chain.view().trace_call(call, chain.env(), {}, config)


def trace_last(chain, config):
    """The transactions of the newest block, on its parent's state."""
    parent = chain.executor.view(chain.parent)
    return parent.trace_block(chain.blocks[-1], config)


@pytest.fixture
def traced(chain):
    """A chain that remembers the head before the newest block."""
    commit = chain.commit

    def remembering(built):
        chain.parent = chain.header.digest
        return commit(built)

    chain.commit = remembering
    return chain


def hex_of(value: bytes) -> str:
    return "0x" + value.hex()


def test_every_step_is_logged_with_stack_gas_and_cost(chain):
    at = chain.deploy(code(1, 2, "ADD", "POP"))
    trace = trace_call(chain, at, gas=100_000)
    assert trace["failed"] is False
    assert trace["gas"] == 21_011
    steps = trace["structLogs"]
    assert [(s["pc"], s["op"], s["gasCost"], s["stack"]) for s in steps] == [
        (0, "PUSH1", 3, []),
        (2, "PUSH1", 3, ["0x1"]),
        (4, "ADD", 3, ["0x1", "0x2"]),
        (5, "POP", 2, ["0x3"]),
        (6, "STOP", 0, []),
    ]
    assert [s["gas"] for s in steps] == [79_000, 78_997, 78_994, 78_991, 78_989]
    assert {s["depth"] for s in steps} == {1}


def test_storage_is_told_where_it_is_read_or_written(chain):
    at = chain.deploy(code(7, 1, "SSTORE", 2, "SLOAD"))
    steps = trace_call(chain, at)["structLogs"]
    one, two, seven = (f"0x{n:064x}" for n in (1, 2, 7))
    stored = [step["storage"] for step in steps if "storage" in step]
    assert stored == [{one: seven}, {one: seven, two: f"0x{0:064x}"}]
    quiet = TracerConfig("", {"disableStorage": True, "disableStack": True})
    for step in trace_call(chain, at, quiet)["structLogs"]:
        assert "storage" not in step
        assert "stack" not in step


def test_memory_and_return_data_are_told_on_demand(chain):
    echo = chain.deploy(code(9, 0, "MSTORE", 32, 0, "RETURN"))
    at = chain.deploy(call_to(echo) + code("POP"))
    config = TracerConfig("", {"enableMemory": True, "enableReturnData": True})
    steps = trace_call(chain, at, config)["structLogs"]
    nine = f"0x{9:064x}"
    assert [s["memory"] for s in steps if s["op"] == "RETURN"] == [[nine]]
    assert steps[-1]["returnData"] == nine


def test_depth_and_the_cost_of_a_call_as_geth_counts_it(chain):
    leaf = chain.deploy(code(1))
    at = chain.deploy(call_to(leaf, gas=1_000))
    steps = trace_call(chain, at)["structLogs"]
    assert [s["depth"] for s in steps if s["op"] == "PUSH1"].count(2) == 1
    (call,) = [s for s in steps if s["op"] == "CALL"]
    assert call["gasCost"] == 2_600 + 1_000


def test_a_failing_step_names_its_error(chain):
    trace = trace_call(chain, chain.deploy(code(0, "JUMP")))
    assert trace["failed"] is True
    assert trace["structLogs"][-1]["error"] == "invalid jump destination"


def test_the_number_of_steps_is_bounded(chain, monkeypatch):
    monkeypatch.setattr("node.execution.reference.tracing.structlog.MAX_STEPS", 50)
    at = chain.deploy(code(":again", "@again", "JUMP"))
    limited = trace_call(chain, at, TracerConfig("", {"limit": 5}), gas=30_000)
    assert len(limited["structLogs"]) == 5
    with pytest.raises(ValueError, match="more than 50 steps"):
        trace_call(chain, at)


def test_an_unknown_tracer_is_refused_with_those_there_are(chain):
    with pytest.raises(ValueError, match="callTracer"):
        trace_call(chain, BOB, TracerConfig("prestateTracer"))


def test_a_call_that_cannot_begin_has_no_trace(chain):
    with pytest.raises(ValueError, match="intrinsic gas too low"):
        trace_call(chain, BOB, gas=1)


def test_the_tree_of_calls(traced):
    leaf = traced.deploy(code(5, 0, "MSTORE", 32, 0, "RETURN"))
    at = traced.deploy(
        call_to(leaf)
        + code(0, 0, 0, 0, leaf, "GAS", "STATICCALL")
        + code(0, 0, 0, 0, leaf, "GAS", "DELEGATECALL")
        + code(0, 0, 0, 0, 3, leaf, "GAS", "CALLCODE")
    )
    _, receipt = traced.send("alice", Draft(at, value=3, data=b"\1\2"))
    (root,) = trace_last(traced, CALLS)
    assert (root["type"], root["from"], root["to"]) == (
        "CALL",
        hex_of(ALICE),
        hex_of(at),
    )
    assert (root["value"], root["input"]) == ("0x3", "0x0102")
    assert root["gasUsed"] == hex(receipt.cumulative_gas)
    assert root["gas"] == hex(200_000)
    assert [
        (c["type"], c["from"], c["to"], c.get("value"), c["output"])
        for c in root["calls"]
    ] == [
        (kind, hex_of(at), hex_of(leaf), value, f"0x{5:064x}")
        for kind, value in (
            ("CALL", "0x0"),
            ("STATICCALL", None),
            ("DELEGATECALL", "0x3"),
            ("CALLCODE", "0x3"),
        )
    ]
    assert {c["gasUsed"] for c in root["calls"]} == {"0x10"}


def test_creations_reverts_and_destruction_appear_in_the_tree(traced):
    child = code(ALICE, "SELFDESTRUCT")
    at = traced.deploy(
        code(child, 0, "MSTORE", len(child), 32 - len(child), 2, "CREATE")
        + code(0, 0, "REVERT")
    )
    traced.send("bob", Draft(at, value=2))
    (root,) = trace_last(traced, CALLS)
    assert root["error"] == "execution reverted"
    (created,) = root["calls"]
    assert (created["type"], created["input"]) == ("CREATE", hex_of(child))
    (destroyed,) = created["calls"]
    assert (destroyed["type"], destroyed["to"], destroyed["value"]) == (
        "SELFDESTRUCT",
        hex_of(ALICE),
        "0x2",
    )


def test_a_creating_transaction_is_traced_with_its_code(traced):
    runtime = code(1, "POP")
    at = traced.deploy(runtime)
    (root,) = trace_last(traced, CALLS)
    assert (root["type"], root["to"]) == ("CREATE", hex_of(at))
    assert root["output"] == hex_of(runtime)
    assert root["input"] == hex_of(initcode(runtime))


def test_logs_and_depth_of_the_tree_follow_the_options(traced):
    leaf = traced.deploy(code(7, 0, 0, "LOG1"))
    at = traced.deploy(call_to(leaf))
    traced.send("alice", Draft(at))
    (root,) = trace_last(traced, TracerConfig("callTracer", {"withLog": True}))
    assert root["calls"][0]["logs"] == [
        {
            "address": hex_of(leaf),
            "topics": [f"0x{7:064x}"],
            "data": "0x",
            "index": "0x0",
            "position": "0x0",
        }
    ]
    (top,) = trace_last(traced, TracerConfig("callTracer", {"onlyTopCall": True}))
    assert "calls" not in top


def test_transactions_of_a_block_are_traced_one_after_another(traced):
    at = traced.deploy(code(0, "SLOAD", 1, "ADD", 0, "SSTORE"))
    nonces = [traced.view().nonce(address) for address in (ALICE, BOB)]
    traced.add(Draft(at, nonces[0]).sign("alice"), Draft(at, nonces[1]).sign("bob"))
    traces = trace_last(traced, STEPS)
    loads = [
        step["storage"][f"0x{0:064x}"]
        for trace in traces
        for step in trace["structLogs"]
        if step["op"] == "SLOAD"
    ]
    assert loads == [f"0x{0:064x}", f"0x{1:064x}"]
    assert traced.view().slot(at, 0) == 2
