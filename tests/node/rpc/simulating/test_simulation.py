"""eth_simulateV1: calls on calls, blocks on blocks, and what is refused."""

import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest

from node.primitives.types import Address
from node.rpc.formats import contract_address, hex_data
from tests.node.networks.devchain.asking import ETHER, Asked, Asker, dev_chain

POOR, OTHER = "0x" + "c0" * 20, "0x" + "c1" * 20
COUNTER = "0x" + "71" * 20
# Slot 0 grows by one; the new count is logged and returned.
COUNTS = "0x5f546001018060005560005260206000a060206000f3"
REVERTS = "0x6001600052600160" + "1ffd"
# Creates a contract whose initcode is SELFDESTRUCT(CALLER), with the call's value.
CREATES_AND_DESTROYS = "0x6133ff5f526002601e34f000"
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"


@pytest.fixture
async def ask() -> AsyncIterator[Asker]:
    async with dev_chain() as asker:
        await asker("anvil_setCode", COUNTER, COUNTS)
        yield asker


async def simulate(ask: Asker, *blocks: dict[str, Any], **flags: bool) -> Any:
    request = {"blockStateCalls": list(blocks), **flags}
    return await ask("eth_simulateV1", request, "latest")


def calls(*requests: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"calls": list(requests), **more}


def count_of(call: dict[str, Any]) -> int:
    return int(call["returnData"], 16)


async def test_each_call_sees_what_came_before_and_nothing_stays(ask: Asker) -> None:
    one = {"to": COUNTER}
    blocks = await simulate(ask, calls(one, one), calls(one))
    counts = [count_of(call) for block in blocks for call in block["calls"]]
    assert counts == [1, 2, 3]
    assert blocks[1]["parentHash"] == blocks[0]["hash"]
    assert await ask.number("eth_getStorageAt", COUNTER, "0x0", "latest") == 0


async def test_gas_logs_and_status_are_those_of_the_real_thing(ask: Asker) -> None:
    sender = ask.accounts[0]
    create = {"from": sender, "input": "0x600160005500", "gas": "0x30000"}
    requests = [
        {"from": sender, "to": COUNTER, "gas": "0x20000"},
        {"from": sender, "to": COUNTER, "gas": "0x20000"},
        create,
        {"from": sender, "to": OTHER, "value": "0x5", "gas": "0x5208"},
    ]
    [block] = await simulate(ask, calls(*requests))
    for request, simulated in zip(requests, block["calls"], strict=True):
        receipt = await ask.send(**request)
        assert simulated["gasUsed"] == receipt["gasUsed"]
        assert simulated["status"] == receipt["status"]
        ours, theirs = ([e["data"] for e in a["logs"]] for a in (simulated, receipt))
        assert ours == theirs
    assert [e["logIndex"] for c in block["calls"] for e in c["logs"]] == ["0x0", "0x1"]


async def test_what_reverts_is_undone_and_the_rest_goes_on(ask: Asker) -> None:
    accounts = {OTHER: {"code": REVERTS}, POOR: {"balance": hex(ETHER)}}
    failing = {"from": POOR, "to": OTHER, "value": "0x1"}
    [block] = await simulate(
        ask, calls(failing, {"to": COUNTER}, stateOverrides=accounts)
    )
    failed, fine = block["calls"]
    assert failed["status"] == "0x0"
    assert failed["error"]["code"] == 3
    assert failed["error"]["data"] == failed["returnData"] == "0x01"
    assert count_of(fine) == 1


async def test_overrides_of_a_later_block_lie_over_what_calls_did(ask: Asker) -> None:
    one = {"to": COUNTER}
    word = "0x" + "0" * 64
    first = {COUNTER: {"stateDiff": {word: "0x" + f"{40:064x}"}}}
    wiped = {COUNTER: {"state": {}}}
    blocks = await simulate(
        ask, calls(one, stateOverrides=first), calls(one, stateOverrides=wiped)
    )
    assert [count_of(block["calls"][0]) for block in blocks] == [41, 1]


async def test_blocks_have_the_numbers_times_and_fees_asked_for(ask: Asker) -> None:
    head = await ask.block()
    number = int(head["number"], 16)
    given = {
        "number": hex(number + 3),
        "baseFeePerGas": "0x7",
        "feeRecipient": OTHER,
        "gasLimit": "0x100000",
    }
    shows_number = {OTHER: {"code": "0x435f5260205ff3"}}
    blocks = await simulate(
        ask,
        calls({"to": OTHER}, blockOverrides=given, stateOverrides=shows_number),
        calls(),
    )
    assert [int(b["number"], 16) for b in blocks] == [number + n for n in (1, 2, 3, 4)]
    assert blocks[2]["baseFeePerGas"] == "0x7"
    assert {b["gasLimit"] for b in blocks[2:]} == {"0x100000"}
    assert {b["miner"] for b in blocks[2:]} == {OTHER}
    assert count_of(blocks[2]["calls"][0]) == number + 3
    times = [int(block["timestamp"], 16) for block in (head, *blocks)]
    assert [b - a for a, b in itertools.pairwise(times)] == [12] * 4


async def test_transfers_are_logged_in_their_order(ask: Asker) -> None:
    sender = ask.accounts[0]
    accounts = {OTHER: {"code": CREATES_AND_DESTROYS}}
    request = {"from": sender, "to": OTHER, "value": "0x9"}
    [block] = await simulate(
        ask, calls(request, stateOverrides=accounts), traceTransfers=True
    )
    logs = block["calls"][0]["logs"]
    assert {entry["topics"][0] for entry in logs} == {TRANSFER}
    assert {entry["address"] for entry in logs} == {"0x" + "ee" * 20}
    # In, on to the contract made, and back from it when it destroys itself.
    assert [int(entry["data"], 16) for entry in logs] == [9, 9, 9]
    assert logs[0]["topics"][1][-40:] == sender[2:]
    assert logs[2]["topics"][2][-40:] == OTHER[2:]
    [silent] = await simulate(ask, calls(request, stateOverrides=accounts))
    assert silent["calls"][0]["logs"] == []


async def test_calls_without_value_log_only_what_contracts_log(ask: Asker) -> None:
    [block] = await simulate(ask, calls({"to": COUNTER}), traceTransfers=True)
    [entry] = block["calls"][0]["logs"]
    assert (entry["address"], entry["topics"]) == (COUNTER, [])


async def test_an_account_that_destroyed_itself_is_gone(ask: Asker) -> None:
    made = hex_data(contract_address(Address(bytes.fromhex(OTHER[2:])), 1))
    accounts = {
        OTHER: {"code": CREATES_AND_DESTROYS, "nonce": "0x1"},
        made: {"balance": "0x5"},  # before it is made
        POOR: {"code": "0x73" + made[2:] + "315f5260205ff3"},  # returns its balance
    }
    call = {"from": ask.accounts[0], "to": OTHER, "value": "0x9"}
    shows = {"to": POOR}
    [block] = await simulate(ask, calls(shows, call, shows, stateOverrides=accounts))
    assert [c["status"] for c in block["calls"]] == ["0x1"] * 3
    assert count_of(block["calls"][0]) == 5
    assert count_of(block["calls"][2]) == 0


async def test_fees_are_paid_where_a_price_is_named(ask: Asker) -> None:
    rich = {POOR: {"balance": hex(ETHER)}}
    # BALANCE(POOR) of whoever asks afterwards.
    shows_balance = {OTHER: {"code": "0x73" + "c0" * 20 + "315f5260205ff3"}}
    paying = {"from": POOR, "to": POOR, "gasPrice": "0x64"}
    [block] = await simulate(
        ask,
        calls(paying, {"to": OTHER}, stateOverrides={**rich, **shows_balance}),
        validation=False,
    )
    assert count_of(block["calls"][1]) == ETHER - 21_000 * 100


async def test_whole_transactions_are_shown_on_demand(ask: Asker) -> None:
    call = {"from": ask.accounts[0], "to": OTHER, "value": "0x5"}
    [block] = await simulate(ask, calls(call), returnFullTransactions=True)
    [whole] = block["transactions"]
    assert (whole["from"], whole["to"], whole["value"]) == (*call.values(),)
    [block] = await simulate(ask, calls(call))
    assert block["transactions"] == [whole["hash"]]


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ({"from": POOR, "nonce": "0x5"}, -38011),
        ({"from": "first", "nonce": "0x0"}, -38010),
        ({"from": "first", "maxFeePerGas": "0x1"}, -38012),
        ({"from": "first", "gas": "0x1", "maxFeePerGas": "0xffffffffff"}, -38013),
        ({"from": POOR, "value": "0x1", "maxFeePerGas": "0xffffffffff"}, -38014),
        ({"from": "first", "gas": "0xffffffff", "maxFeePerGas": "0x1"}, -38015),
        ({"from": COUNTER, "to": POOR, "gas": "0x5208"}, -38024),
    ],
)
async def test_with_validation_a_call_that_no_block_could_hold_is_refused(
    ask: Asker, call: dict[str, Any], code: int
) -> None:
    await ask.send(to=OTHER)
    sender = ask.accounts[0] if call["from"] == "first" else call["from"]
    request = {"to": OTHER, **call, "from": sender}
    with pytest.raises(Asked) as caught:
        await simulate(ask, calls(request), validation=True)
    assert caught.value.code == code, caught.value


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        ({}, -32602, "empty input"),
        ({"blockStateCalls": []}, -32602, "empty input"),
        ({"blockStateCalls": [5]}, -32602, "expected objects"),
        ({"blockStateCalls": [{"calls": [5]}]}, -32602, "invalid calls"),
        ({"blockStateCalls": [{}], "validation": 1}, -32602, "expected a boolean"),
        ({"blockStateCalls": [{}] * 257}, -38026, "too many blocks"),
        (
            {"blockStateCalls": [{"blockOverrides": {"number": "0xffff"}}]},
            -38026,
            "too many blocks",
        ),
        (
            {"blockStateCalls": [{"blockOverrides": {"time": "0x1"}}]},
            -38021,
            "timestamps must be in order",
        ),
        ({"blockStateCalls": [{"calls": [{}] * 5_001}]}, -38026, "too many calls"),
        (
            {"blockStateCalls": [{"blockOverrides": {"withdrawals": [{}]}}]},
            -32000,
            "withdrawals",
        ),
    ],
)
async def test_requests_that_make_no_sense_are_refused(
    ask: Asker, request_: dict[str, Any], code: int, words: str
) -> None:
    with pytest.raises(Asked, match=words) as caught:
        await ask("eth_simulateV1", request_, "latest")
    assert caught.value.code == code


async def test_moving_precompiles_is_refused_with_the_reason(ask: Asker) -> None:
    def moved(**targets: str) -> dict[str, Any]:
        accounts = {
            "0x" + at[1:].rjust(40, "0"): {"movePrecompileToAddress": target}
            for at, target in targets.items()
        }
        return {"stateOverrides": accounts}

    for block, code in (
        (moved(_1=OTHER), -32000),
        (moved(_1="0x" + "1".rjust(40, "0")), -38022),
        (moved(_1=OTHER, _2=OTHER), -38023),
    ):
        with pytest.raises(Asked) as caught:
            await simulate(ask, block)
        assert caught.value.code == code


async def test_all_calls_together_have_the_gas_of_one_call(ask: Asker) -> None:
    burns_all = {OTHER: {"code": "0x600163ffffffff52"}}
    call = {"to": OTHER}
    two = calls(call, stateOverrides=burns_all), calls(call)
    blocks = await simulate(ask, *two)
    used = [int(block["gasUsed"], 16) for block in blocks]
    assert used == [30_000_000, 20_000_000]
    assert blocks[0]["calls"][0]["error"]["code"] == -32015
    with pytest.raises(Asked) as caught:
        await simulate(ask, *two, calls(call))
    assert caught.value.code == -38013
