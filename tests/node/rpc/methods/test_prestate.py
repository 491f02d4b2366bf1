"""prestateTracer: what a transaction needed, and what it changed."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from node.networks.devchain.backend import VALIDATOR
from tests.node.networks.devchain.asking import ETHER, Asked, Asker, dev_chain

KEPT, UNTOUCHED = "0x" + "71" * 20, "0x" + "73" * 20
WORD = [f"0x{at:064x}" for at in range(10)]
# Reads slot 1, sets slot 0 to 7, clears slot 2, asks for the balance of UNTOUCHED.
RUNS = "0x6001545060075f555f600255" + "73" + "73" * 20 + "315000"


@pytest.fixture
async def ask() -> AsyncIterator[Asker]:
    async with dev_chain() as asker:
        await asker("anvil_setCode", KEPT, RUNS)
        await asker("anvil_setStorageAt", KEPT, "0x1", WORD[5])
        await asker("anvil_setStorageAt", KEPT, "0x2", WORD[6])
        await asker("anvil_setBalance", UNTOUCHED, "0x9")
        yield asker


def tracer(**options: bool) -> dict[str, Any]:
    return {"tracer": "prestateTracer", "tracerConfig": options}


async def traced(ask: Asker, sent: dict[str, Any], **options: bool) -> Any:
    transaction = sent["transactionHash"]
    return await ask("debug_traceTransaction", transaction, tracer(**options))


async def test_the_prestate_is_what_a_transaction_needs(ask: Asker) -> None:
    before = await ask.balance(ask.accounts[0])
    prestate = await traced(ask, await ask.send(to=KEPT, value="0x3"))
    sender = ask.accounts[0]
    # The first block: the coinbase had nothing, so it is left out.
    assert set(prestate) == {sender, KEPT, UNTOUCHED}
    assert prestate[sender] == {"balance": hex(before)}
    assert prestate[UNTOUCHED] == {"balance": "0x9"}
    storage = {WORD[0]: WORD[0], WORD[1]: WORD[5], WORD[2]: WORD[6]}
    assert prestate[KEPT] == {"balance": "0x0", "code": RUNS, "storage": storage}


async def test_the_difference_names_only_what_changed(ask: Asker) -> None:
    receipt = await ask.send(to=KEPT, value="0x3")
    coinbase = "0x" + VALIDATOR.address.hex()
    sender = ask.accounts[0]
    found = await traced(ask, receipt, diffMode=True)
    assert set(found["pre"]) == {sender, KEPT}
    assert set(found["post"]) == {sender, KEPT, coinbase}
    assert found["pre"][KEPT]["storage"] == {WORD[2]: WORD[6]}
    assert found["post"][KEPT] == {"balance": "0x3", "storage": {WORD[0]: WORD[7]}}
    now = await ask.balance(sender)
    assert found["post"][sender] == {"balance": hex(now), "nonce": 1}
    tip = await ask.balance(coinbase)
    assert found["post"][coinbase] == {"balance": hex(tip)}
    assert now + tip + 3 < int(found["pre"][sender]["balance"], 16)  # some is burned


async def test_a_creation_has_no_before(ask: Asker) -> None:
    receipt = await ask.send(data="0x602a5f5560016000f3")
    at = receipt["contractAddress"]
    found = await traced(ask, receipt, diffMode=True)
    assert at not in found["pre"]
    made = {"nonce": 1, "code": "0x00", "storage": {WORD[0]: f"0x{42:064x}"}}
    assert found["post"][at] == made


async def test_options_leave_parts_out(ask: Asker) -> None:
    receipt = await ask.send(to=KEPT)
    found = await traced(ask, receipt, disableCode=True, disableStorage=True)
    assert found[KEPT] == {"balance": "0x0"}
    coinbase = "0x" + VALIDATOR.address.hex()
    found = await traced(ask, receipt, includeEmpty=True)
    assert found[coinbase] == {"balance": "0x0"}


async def test_blocks_and_calls_are_traced_too(ask: Asker) -> None:
    await ask("evm_setAutomine", False)
    for sender in ask.accounts[:2]:
        request = {"from": sender, "to": KEPT, "gas": "0x20000"}
        await ask("eth_sendTransaction", request)
    await ask("evm_mine")
    first, second = await ask("debug_traceBlockByNumber", "latest", tracer())
    assert first["result"][KEPT]["storage"][WORD[0]] == WORD[0]
    assert second["result"][KEPT]["storage"][WORD[0]] == WORD[7]
    options = {**tracer(diffMode=True), "stateOverrides": {KEPT: {"balance": "0x8"}}}
    request = {"from": ask.accounts[0], "to": KEPT, "value": hex(ETHER)}
    found = await ask("debug_traceCall", request, "latest", options)
    assert found["post"][KEPT]["balance"] == hex(ETHER + 8)
    assert found["pre"][KEPT]["balance"] == "0x8"


@pytest.mark.parametrize(
    "options", [{"diffMode": 1}, {"diffMode": True, "includeEmpty": True}]
)
async def test_wrong_options_are_refused(ask: Asker, options: dict[str, Any]) -> None:
    with pytest.raises(Asked) as caught:
        await ask("debug_traceCall", {"to": KEPT}, "latest", tracer(**options))
    assert caught.value.code == -32602
