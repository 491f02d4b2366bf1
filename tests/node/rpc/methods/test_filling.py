"""eth_fillTransaction, eth_config, eth_getStorageValues."""

import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from eth_account import Account

from tests.node.networks.devchain.asking import GWEI, Asked, Asker, dev_chain

TO = "0x" + "11" * 20


@pytest.fixture
async def ask() -> AsyncIterator[Asker]:
    async with dev_chain() as asker:
        yield asker


async def test_what_a_wallet_left_out_is_filled_in(ask: Asker) -> None:
    await ask.send(to=TO, value="0x1")
    request = {"from": ask.accounts[0], "to": TO, "value": "0x2"}
    filled = (await ask("eth_fillTransaction", request))["tx"]
    assert (filled["nonce"], filled["chainId"]) == ("0x1", hex(31_337))
    assert (filled["gas"], filled["type"]) == ("0x5208", "0x2")
    assert filled["maxPriorityFeePerGas"] == hex(GWEI)
    base_fee = int((await ask.block("pending"))["baseFeePerGas"], 16)
    assert int(filled["maxFeePerGas"], 16) > base_fee


async def test_the_filled_bytes_are_what_is_signed(ask: Asker) -> None:
    from eth_account.typed_transactions import TypedTransaction

    request = {"from": ask.accounts[0], "to": TO, "value": "0x2"}
    filled = await ask("eth_fillTransaction", request)
    names = ("type", "chainId", "nonce", "to", "value", "gas", "maxFeePerGas")
    fields = {name: filled["tx"][name] for name in (*names, "maxPriorityFeePerGas")}
    unsigned = TypedTransaction.from_dict({**fields, "data": "0x", "accessList": []})
    assert filled["tx"]["hash"] == "0x" + unsigned.hash().hex()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "without any data"),
        ({"to": TO, "maxFeePerGas": "0x1", "maxPriorityFeePerGas": "0x2"}, "<"),
        ({"to": TO, "gasPrice": "0x1", "maxFeePerGas": "0x1"}, "both gasPrice"),
        ({"to": TO, "chainId": "0x5"}, "chainId does not match"),
    ],
)
async def test_contradictions_are_refused(
    ask: Asker, fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(Asked, match=words):
        await ask("eth_fillTransaction", {"from": ask.accounts[0], **fields})


async def test_the_configuration_names_the_chain_and_its_contracts(ask: Asker) -> None:
    current = (await ask("eth_config"))["current"]
    genesis = bytes.fromhex((await ask.block("earliest"))["hash"][2:])
    assert current["chainId"] == hex(31_337)
    assert current["forkId"] == f"0x{zlib.crc32(genesis):08x}"
    for address in current["systemContracts"].values():
        assert await ask("eth_getCode", address, "latest") != "0x"


async def test_many_slots_are_read_at_once(ask: Asker) -> None:
    await ask("anvil_setStorageAt", TO, "0x5", "0x7")
    other = Account.create().address.lower()
    wanted = {TO: ["0x5", "0x6"], other: ["0x0"]}
    words = await ask("eth_getStorageValues", wanted, "latest")
    assert [int(word, 16) for word in words[TO]] == [7, 0]
    assert [int(word, 16) for word in words[other]] == [0]
    with pytest.raises(Asked, match="at most"):
        await ask("eth_getStorageValues", {TO: ["0x0"] * 2_000})
