"""Blocks and states that are not there: geth's words for each case."""

from collections.abc import AsyncIterator
from typing import Any, NoReturn

import pytest

from node.execution.executor import StateTooDistant, UnknownState
from tests.node.networks.devchain.asking import Asked, Asker, dev_chain
from tests.node.networks.devchain.conftest import executor

__all__ = ["executor"]

AT = "0x" + "77" * 20
NO_HASH = "0x" + "99" * 32
READS: list[tuple[str, list[Any]]] = [
    ("eth_getBalance", [AT]),
    ("eth_getTransactionCount", [AT]),
    ("eth_getCode", [AT]),
    ("eth_getStorageAt", [AT, "0x0"]),
    ("eth_getProof", [AT, []]),
    ("eth_call", [{"to": AT}]),
    ("eth_estimateGas", [{"to": AT}]),
    ("eth_createAccessList", [{"to": AT}]),
    ("debug_traceCall", [{"to": AT}]),
    ("eth_simulateV1", [{"blockStateCalls": [{}]}]),
]


@pytest.fixture
async def ask() -> AsyncIterator[Asker]:
    async with dev_chain() as asker:
        yield asker


async def refusal(ask: Asker, method: str, *params: Any) -> str:
    with pytest.raises(Asked) as caught:
        await ask(method, *params)
    assert caught.value.code == -32000
    return str(caught.value)


@pytest.mark.parametrize(("method", "params"), READS)
async def test_a_read_names_what_is_not_there(
    ask: Asker, method: str, params: list[Any]
) -> None:
    for future in ("0x1", {"blockNumber": "0x1"}, hex(2**64 - 1)):
        assert await refusal(ask, method, *params, future) == "header not found"
    for unknown in (NO_HASH, {"blockHash": NO_HASH}):
        said = await refusal(ask, method, *params, unknown)
        assert said == "header for hash not found"


@pytest.mark.parametrize(("method", "params"), READS)
async def test_a_read_tells_a_pruned_state_from_one_too_far_back(
    ask: Asker, method: str, params: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def pruned(_: bytes) -> NoReturn:
        raise UnknownState("no state")

    def distant(_: bytes) -> NoReturn:
        raise StateTooDistant("the state of block 0 lies too far back: ask for newer")

    monkeypatch.setattr(ask.node.backend, "view", pruned)
    said = await refusal(ask, method, *params, "0x0")
    assert said.startswith("missing trie node: the state of block 0 is pruned")
    monkeypatch.setattr(ask.node.backend, "view", distant)
    said = await refusal(ask, method, *params, "0x0")
    assert said == "the state of block 0 lies too far back: ask for newer"


async def test_blocks_that_are_not_there_are_null(ask: Asker) -> None:
    for method in ("eth_getBlockByNumber", "eth_getBlockByHash"):
        wanted = "0x9" if method.endswith("Number") else NO_HASH
        assert await ask(method, wanted, False) is None
    assert await ask("eth_getBlockReceipts", "0x9") is None
    assert await ask("eth_getBlockTransactionCountByNumber", "0x9") is None


async def test_fees_beyond_the_head_and_logs_of_no_block_are_refused(
    ask: Asker,
) -> None:
    said = await refusal(ask, "eth_feeHistory", "0x1", "0x9", [])
    assert said == "request beyond head block: requested 9, head 0"
    assert await refusal(ask, "eth_getLogs", {"blockHash": NO_HASH}) == "unknown block"
