"""prestateTracer: what a transaction needed, and what it changed."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from node.networks.devchain.backend import VALIDATOR
from node.primitives.keccak import keccak256
from node.primitives.types import Address
from node.rpc.formats import contract_address, hex_data
from tests.node.networks.devchain.asking import ETHER, Asked, Asker, dev_chain

KEPT, UNTOUCHED = "0x" + "71" * 20, "0x" + "73" * 20
DELEGATOR = "0x" + "75" * 20
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


def coded(runtime: str) -> dict[str, str]:
    digest = keccak256(bytes.fromhex(runtime[2:]))
    return {"code": runtime, "codeHash": "0x" + digest.hex()}


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
    assert prestate[KEPT] == {"balance": "0x0", **coded(RUNS), "storage": storage}


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
    made = {"nonce": 1, **coded("0x00"), "storage": {WORD[0]: f"0x{42:064x}"}}
    assert found["post"][at] == made


async def test_a_creation_where_ether_lay_before_has_that_before(ask: Asker) -> None:
    sender = Address(bytes.fromhex(ask.accounts[0][2:]))
    at = hex_data(contract_address(sender, 0))
    await ask("anvil_setBalance", at, "0x5")
    receipt = await ask.send(data="0x60016000f3", value="0x2")
    assert receipt["contractAddress"] == at
    assert (await traced(ask, receipt))[at] == {"balance": "0x5"}
    found = await traced(ask, receipt, diffMode=True)
    assert found["pre"][at] == {"balance": "0x5"}
    assert found["post"][at] == {"balance": "0x7", "nonce": 1, **coded("0x00")}


async def test_a_contract_that_destroys_itself_stays_and_gives_its_ether(
    ask: Asker,
) -> None:
    destroys = "0x73" + "73" * 20 + "ff"  # SELFDESTRUCT(UNTOUCHED); EIP-6780
    await ask("anvil_setCode", KEPT, destroys)
    await ask("anvil_setBalance", KEPT, "0x4")
    receipt = await ask.send(to=KEPT)
    plain = await traced(ask, receipt)
    assert plain[KEPT] == {"balance": "0x4", **coded(destroys)}
    assert plain[UNTOUCHED] == {"balance": "0x9"}
    found = await traced(ask, receipt, diffMode=True)
    assert found["pre"][KEPT] == {"balance": "0x4", **coded(destroys)}
    assert found["post"][KEPT] == {"balance": "0x0"}
    assert found["post"][UNTOUCHED] == {"balance": "0xd"}


async def test_what_is_made_and_destroyed_at_once_was_never_there(ask: Asker) -> None:
    # Creates a contract whose initcode is SELFDESTRUCT(CALLER), with the value.
    await ask("anvil_setCode", KEPT, "0x6133ff5f526002601e34f000")
    receipt = await ask.send(to=KEPT, value="0x1", gas="0x30000")
    assert receipt["status"] == "0x1"
    names = {ask.accounts[0], KEPT}
    assert set(await traced(ask, receipt)) == names
    found = await traced(ask, receipt, diffMode=True)
    assert set(found["pre"]) == names
    assert set(found["post"]) == {*names, "0x" + VALIDATOR.address.hex()}


@pytest.mark.parametrize(
    ("runs", "slots"),
    [
        ("0x600560015500", {WORD[1]: WORD[5]}),  # written with what it held
        ("0x60015450600254505f5ffd", {WORD[1]: WORD[5], WORD[2]: WORD[6]}),
        ("0x", {}),
    ],
)
async def test_storage_that_was_touched_and_stays_is_no_difference(
    ask: Asker, runs: str, slots: dict[str, str]
) -> None:
    await ask("anvil_setCode", KEPT, runs)
    await ask("anvil_setBalance", KEPT, "0x1")
    call = {"from": ask.accounts[0], "to": KEPT, "gas": "0x20000"}
    receipt = await ask(
        "eth_getTransactionReceipt", await ask("eth_sendTransaction", call)
    )
    plain = await traced(ask, receipt)
    assert plain[KEPT].get("storage", {}) == slots
    found = await traced(ask, receipt, diffMode=True)
    assert KEPT not in found["pre"]
    assert KEPT not in found["post"]


async def test_a_slot_that_was_cleared_leaves_nothing_after(ask: Asker) -> None:
    await ask("anvil_setCode", KEPT, "0x5f60015500")
    found = await traced(ask, await ask.send(to=KEPT), diffMode=True)
    assert found["pre"][KEPT]["storage"] == {WORD[1]: WORD[5]}
    assert found["post"][KEPT] == {}


async def test_a_slot_whose_write_ran_out_of_gas_is_not_named(ask: Asker) -> None:
    await ask("anvil_setCode", KEPT, "0x600160015500")
    call = {"from": ask.accounts[0], "to": KEPT, "gas": hex(21_006 + 2_400)}
    receipt = await ask(
        "eth_getTransactionReceipt", await ask("eth_sendTransaction", call)
    )
    assert receipt["status"] == "0x0"
    assert "storage" not in (await traced(ask, receipt))[KEPT]


async def test_precompiles_and_nobodies_are_named_as_empty(ask: Asker) -> None:
    # BALANCE(0xabab...), then CALL(precompile 4).
    runs = "0x73" + "ab" * 20 + "31505f5f5f5f5f600461fffff100"
    await ask("anvil_setCode", KEPT, runs)
    receipt = await ask.send(to=KEPT, gas="0x30000")
    identity, nobody = "0x" + "4".rjust(40, "0"), "0x" + "ab" * 20
    assert set(await traced(ask, receipt)) == {ask.accounts[0], KEPT}
    found = await traced(ask, receipt, includeEmpty=True)
    assert found[identity] == found[nobody] == {"balance": "0x0"}
    found = await traced(ask, receipt, diffMode=True)
    assert set(found["pre"]) == {ask.accounts[0]}


async def test_a_plain_payment_names_who_pays_who_is_paid_and_the_coinbase(
    ask: Asker,
) -> None:
    await ask("anvil_setCoinbase", UNTOUCHED)
    receipt = await ask.send(to=KEPT[:-2] + "00", value="0x3", gas="0x5208")
    assert set(await traced(ask, receipt)) == {ask.accounts[0], UNTOUCHED}
    found = await traced(ask, receipt, diffMode=True)
    assert found["post"][KEPT[:-2] + "00"] == {"balance": "0x3"}
    assert found["pre"][UNTOUCHED] == {"balance": "0x9"}
    assert int(found["post"][UNTOUCHED]["balance"], 16) > 9


async def test_an_account_is_shown_with_its_delegate_only_when_it_is_called(
    ask: Asker,
) -> None:
    delegates = "0xef0100" + "73" * 20
    await ask("anvil_setCode", UNTOUCHED, "0x00")
    await ask("anvil_setCode", DELEGATOR, delegates)
    call = {"from": ask.accounts[0], "to": DELEGATOR}
    plain = await ask("debug_traceCall", call, "latest", tracer())
    assert plain[DELEGATOR] == {"balance": "0x0", **coded(delegates)}
    assert plain[UNTOUCHED] == {"balance": "0x9", **coded("0x00")}
    await ask("anvil_setCode", KEPT, "0x73" + DELEGATOR[2:] + "315000")  # BALANCE
    call = {"from": ask.accounts[0], "to": KEPT}
    plain = await ask("debug_traceCall", call, "latest", tracer())
    assert set(plain) == {ask.accounts[0], KEPT, DELEGATOR}


async def test_options_leave_parts_out(ask: Asker) -> None:
    receipt = await ask.send(to=KEPT)
    found = await traced(ask, receipt, disableCode=True, disableStorage=True)
    assert found[KEPT] == {"balance": "0x0", "codeHash": coded(RUNS)["codeHash"]}
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
