"""debug_trace*: the right transaction, the options, what is refused."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.node.networks.devchain.asking import Asked, Asker, dev_chain

INNER, OUTER = "0x" + "71" * 20, "0x" + "72" * 20
STORES_7 = "0x60075f5500"
# Calls INNER with all gas: five zeros, the address, GAS, CALL.
CALLS_INNER = "0x5f5f5f5f5f73" + "71" * 20 + "5af100"
REVERTS = "0x6001600052600160" + "1ffd"
CALL_TRACER: dict[str, Any] = {"tracer": "callTracer"}


@pytest.fixture
async def ask() -> AsyncIterator[Asker]:
    async with dev_chain() as asker:
        await asker("anvil_setCode", INNER, STORES_7)
        await asker("anvil_setCode", OUTER, CALLS_INNER)
        yield asker


async def test_a_transaction_is_traced_step_by_step(ask: Asker) -> None:
    receipt = await ask.send(to=INNER)
    trace = await ask("debug_traceTransaction", receipt["transactionHash"])
    steps = [step["op"] for step in trace["structLogs"]]
    assert steps == ["PUSH1", "PUSH0", "SSTORE", "STOP"]
    assert trace["failed"] is False
    assert hex(trace["gas"]) == receipt["gasUsed"]


async def test_the_call_tracer_shows_who_called_whom(ask: Asker) -> None:
    receipt = await ask.send(to=OUTER)
    trace = await ask("debug_traceTransaction", receipt["transactionHash"], CALL_TRACER)
    assert (trace["type"], trace["to"]) == ("CALL", OUTER)
    assert [call["to"] for call in trace["calls"]] == [INNER]
    shallow = {**CALL_TRACER, "tracerConfig": {"onlyTopCall": True}}
    trace = await ask("debug_traceTransaction", receipt["transactionHash"], shallow)
    assert "calls" not in trace


async def test_a_block_is_traced_in_the_order_of_its_transactions(ask: Asker) -> None:
    await ask("evm_setAutomine", False)
    sent = [
        await ask(
            "eth_sendTransaction", {"from": sender, "to": INNER, "gas": "0x20000"}
        )
        for sender in ask.accounts[:3]
    ]
    await ask("evm_mine")
    block = await ask.block()
    traces = await ask("debug_traceBlockByNumber", "latest", CALL_TRACER)
    assert [trace["txHash"] for trace in traces] == block["transactions"]
    assert {trace["txHash"] for trace in traces} == set(sent)
    assert traces == await ask("debug_traceBlockByHash", block["hash"], CALL_TRACER)
    third = await ask("debug_traceTransaction", traces[2]["txHash"], CALL_TRACER)
    assert third == traces[2]["result"]


async def test_a_call_is_traced_with_overrides(ask: Asker) -> None:
    options = {**CALL_TRACER, "stateOverrides": {INNER: {"code": REVERTS}}}
    request = {"to": OUTER, "gas": "0x20000"}
    trace = await ask("debug_traceCall", request, "latest", options)
    assert trace["calls"][0]["error"] == "execution reverted"
    number = {"code": "0x435f5260205ff3"}
    options = {
        "stateOverrides": {INNER: number},
        "blockOverrides": {"number": "0x99"},
        "disableStack": True,
    }
    trace = await ask("debug_traceCall", {"to": INNER}, "latest", options)
    assert int(trace["returnValue"], 16) == 0x99
    assert all("stack" not in step for step in trace["structLogs"])


@pytest.mark.parametrize(
    ("method", "params", "words"),
    [
        ("debug_traceTransaction", ["0x" + "0" * 64], "transaction not found"),
        ("debug_traceBlockByNumber", ["0x0"], "genesis is not traceable"),
        ("debug_traceBlockByNumber", ["0x99"], "block #153 not found"),
        ("debug_traceBlockByHash", ["0x" + "0" * 64], "block 0x0000.* not found"),
        ("debug_traceCall", [{}, "latest", {"tracer": "x"}], "not known"),
        ("debug_traceCall", [{}, "latest", {"tracer": 5}], "invalid tracer"),
        ("debug_traceCall", [{}, "latest", {"limit": "x"}], "invalid limit"),
        ("debug_traceCall", [{}, "latest", {"disableStack": 1}], "expected a boolean"),
        ("debug_traceCall", [{}, "latest", {"stateOverrides": []}], "an object"),
    ],
)
async def test_what_cannot_be_traced_is_refused_with_a_reason(
    ask: Asker, method: str, params: list[Any], words: str
) -> None:
    with pytest.raises(Asked, match=words) as caught:
        await ask(method, *params)
    assert caught.value.code in (-32000, -32602)
