"""Simulated blocks are blocks: roots, ancestors and the system's contracts."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from node.chain.header import Header
from node.primitives import rlp
from node.rpc.simulating.system import BEACON_ROOTS, HISTORY
from tests.node.networks.devchain.asking import Asked, Asker, dev_chain

COUNTER, ASKS = "0x" + "71" * 20, "0x" + "72" * 20
OTHER = "0x" + "c1" * 20
# Slot 0 grows by one; the new count is logged and returned.
COUNTS = "0x5f546001018060005560005260206000a060206000f3"
ANCESTOR_OF_INPUT = "0x5f35405f5260205ff3"  # BLOCKHASH(calldata)
HEADER = (
    "parentHash",
    "sha3Uncles",
    "miner",
    "stateRoot",
    "transactionsRoot",
    "receiptsRoot",
    "logsBloom",
    "difficulty",
    "number",
    "gasLimit",
    "gasUsed",
    "timestamp",
    "extraData",
    "mixHash",
    "nonce",
    "baseFeePerGas",
    "withdrawalsRoot",
    "blobGasUsed",
    "excessBlobGas",
    "parentBeaconBlockRoot",
    "requestsHash",
)
QUANTITIES = (*HEADER[7:12], "baseFeePerGas", "blobGasUsed", "excessBlobGas")
MAKES_AND_FORGETS = "0x600160005560006000556133ff5f526002601e34f000"


@pytest.fixture
async def ask() -> AsyncIterator[Asker]:
    async with dev_chain() as asker:
        await asker("anvil_setCode", COUNTER, COUNTS)
        await asker("anvil_setCode", ASKS, ANCESTOR_OF_INPUT)
        await asker("evm_mine")
        yield asker


async def simulate(ask: Asker, *blocks: dict[str, Any], **flags: bool) -> Any:
    request = {"blockStateCalls": list(blocks), **flags}
    return await ask("eth_simulateV1", request, "latest")


def word(number: int) -> str:
    return f"0x{number:064x}"


async def hash_of(ask: Asker, tag: str) -> str:
    found: str = (await ask.block(tag))["hash"]
    return found


async def test_a_simulated_block_has_the_roots_of_the_one_that_is_made_of_it(
    ask: Asker,
) -> None:
    await ask("evm_setAutomine", False)
    first, second = ask.accounts[:2]
    fees = {"maxFeePerGas": "0x77359400", "maxPriorityFeePerGas": "0x5"}
    requests = [
        {"from": first, "to": COUNTER, "gas": "0x20000", **fees},
        {"from": second, "to": OTHER, "value": "0x9", "gas": "0x5208", **fees},
        {"from": first, "input": MAKES_AND_FORGETS, "gas": "0x30000", **fees},
    ]
    for request in requests:
        await ask("eth_sendTransaction", request)
    await ask("evm_mine")
    made = await ask.block()
    parent = hex(int(made["number"], 16) - 1)
    given = {
        "time": made["timestamp"],
        "feeRecipient": made["miner"],
        "prevRandao": made["mixHash"],
        "baseFeePerGas": made["baseFeePerGas"],
    }
    order = [await ask("eth_getTransactionByHash", at) for at in made["transactions"]]
    nonces = [(tx["from"], tx["nonce"]) for tx in order]
    sent = {(r["from"], hex(n)): r for n, r in zip((0, 0, 1), requests, strict=True)}
    block = {"calls": [sent[key] for key in nonces], "blockOverrides": given}
    asked = {"blockStateCalls": [block], "validation": True}
    [simulated] = await ask("eth_simulateV1", asked, parent)
    for name in ("stateRoot", "receiptsRoot", "gasUsed", "logsBloom", "parentHash"):
        assert simulated[name] == made[name], name


async def test_a_block_without_calls_changes_only_what_the_system_keeps(
    ask: Asker,
) -> None:
    await ask("evm_setAutomine", False)
    await ask("evm_mine")
    made = await ask.block()
    given = {"time": made["timestamp"], "feeRecipient": made["miner"]}
    parent = hex(int(made["number"], 16) - 1)
    request = {"blockStateCalls": [{"blockOverrides": given}]}
    [simulated] = await ask("eth_simulateV1", request, parent)
    assert simulated["stateRoot"] == made["stateRoot"]
    assert simulated["stateRoot"] != (await ask.block(parent))["stateRoot"]


async def test_overrides_are_in_the_root_and_gone_accounts_are_not(ask: Asker) -> None:
    gives = {OTHER: {"balance": "0x5", "nonce": "0x1", "stateDiff": {"0x1": word(2)}}}
    takes = {OTHER: {"balance": "0x0", "nonce": "0x0", "state": {}}}
    # What it keeps tells the blocks apart by their parents' hashes.
    forgets = {"0x" + HISTORY.hex(): {"code": "0x"}}
    kept = await simulate(
        ask, {"stateOverrides": {**gives, **forgets}}, {"stateOverrides": takes}
    )
    plain = await simulate(ask, {"stateOverrides": forgets}, {})
    assert kept[0]["stateRoot"] != plain[0]["stateRoot"]
    assert kept[1]["stateRoot"] == plain[1]["stateRoot"]


async def test_blockhash_and_history_know_real_and_simulated_ancestors(
    ask: Asker,
) -> None:
    head = await ask.height()
    history = "0x" + HISTORY.hex()
    asked = [head - 1, head, head + 1, head + 2, head + 3]
    by_opcode = [{"to": ASKS, "input": word(number)} for number in asked]
    by_contract = [{"to": history, "input": word(number)} for number in asked[1:4]]
    blocks = await simulate(ask, {}, {}, {"calls": [*by_opcode, *by_contract]})
    real = [await hash_of(ask, hex(number)) for number in (head - 1, head)]
    known = [*real, blocks[0]["hash"], blocks[1]["hash"]]
    found = [call["returnData"] for call in blocks[2]["calls"]]
    assert found == [*known, word(0), *known[1:4]]
    assert [b["parentHash"] for b in blocks] == known[1:4]


async def test_a_simulation_on_an_old_block_does_not_see_what_came_after(
    ask: Asker,
) -> None:
    base = await ask.height()
    for _ in range(3):
        await ask("evm_mine")
    calls = [{"to": ASKS, "input": word(base + 1)}]
    request = {"blockStateCalls": [{}, {"calls": calls}]}
    first, second = await ask("eth_simulateV1", request, hex(base))
    assert second["calls"][0]["returnData"] == first["hash"]
    assert first["hash"] != await hash_of(ask, hex(base + 1))


async def test_the_beacon_root_is_what_the_request_says(ask: Asker) -> None:
    root = "0x" + "be" * 32
    head = await ask.block()
    moment = int(head["timestamp"], 16) + 5
    call = {"to": "0x" + BEACON_ROOTS.hex(), "input": word(moment)}
    given = {"beaconRoot": root, "time": hex(moment)}
    [block] = await simulate(ask, {"blockOverrides": given, "calls": [call]})
    assert block["parentBeaconBlockRoot"] == root
    assert block["calls"][0]["returnData"] == root


async def test_hashes_are_those_of_the_headers_shown(ask: Asker) -> None:
    blocks = await simulate(ask, {"calls": [{"to": COUNTER}]}, {})
    for block in blocks:
        assert block["hash"] == "0x" + header_of(block).digest.hex()


def header_of(block: dict[str, Any]) -> Header:
    """The header that an answer shows, put together again."""
    fields: list[rlp.Item] = [
        rlp.from_int(int(block[name], 16))
        if name in QUANTITIES
        else bytes.fromhex(block[name][2:])
        for name in HEADER
    ]
    return Header.decode(rlp.encode(fields))


@pytest.mark.parametrize(
    ("accounts", "words"),
    [
        ({"0x" + "04".rjust(40, "0"): {"code": "0x00"}}, "precompile.*cannot be"),
        ({OTHER: {"nonce": hex(2**64)}}, "nonce: number is out of range"),
        ({OTHER: {"state": {}, "stateDiff": {}}}, "both 'state' and 'stateDiff'"),
    ],
)
async def test_overrides_that_cannot_be_are_refused_in_calls_too(
    ask: Asker, accounts: dict[str, Any], words: str
) -> None:
    with pytest.raises(Asked, match=words):
        await simulate(ask, {"stateOverrides": accounts})
    with pytest.raises(Asked, match=words):
        await ask("eth_call", {"to": OTHER}, "latest", accounts)


@pytest.mark.parametrize(
    "given",
    [
        {"time": hex(2**64)},
        {"gasLimit": hex(2**64)},
        {"baseFeePerGas": hex(2**64)},
        {"prevRandao": "0x01"},
        {"beaconRoot": "0x01"},
    ],
)
async def test_block_overrides_out_of_range_are_refused(
    ask: Asker, given: dict[str, Any]
) -> None:
    with pytest.raises(Asked) as caught:
        await simulate(ask, {"blockOverrides": given})
    assert caught.value.code == -32602
    with pytest.raises(Asked) as caught:
        await ask("eth_call", {"to": OTHER}, "latest", {}, given)
    assert caught.value.code in (-32602, -32000)
