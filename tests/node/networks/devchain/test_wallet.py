"""The ten accounts: known keys, signatures, transactions filled and sent."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data

from node.networks.devchain.accounts import derive_accounts
from tests.node.networks.devchain.asking import ETHER, Asked, Asker, dev_chain

TO = "0x" + "11" * 20
REVERTS = "0x62666f6f5f526003601dfd"  # with the bytes "foo"
DEPLOYER = "0x4e59b44847b379578588920ca78fbf26c0b4956c"


@pytest.fixture
async def ask() -> AsyncIterator[Asker]:
    async with dev_chain() as asker:
        yield asker


async def test_the_accounts_are_those_that_everyone_knows(ask: Asker) -> None:
    accounts = await ask("eth_accounts")
    assert len(accounts) == 10
    assert accounts[0] == "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
    assert accounts[9] == "0xa0ee7a142d267c1f36714e4a8f75612f20a79720"
    assert await ask.balance(accounts[9]) == 10_000 * ETHER


def test_another_mnemonic_gives_what_wallets_derive() -> None:
    words = (
        "legal winner thank year wave sausage worth useful legal winner thank yellow"
    )
    Account.enable_unaudited_hdwallet_features()
    expected = Account.from_mnemonic(words, account_path="m/44'/60'/0'/0/3")
    assert derive_accounts(words)[3].secret == bytes(expected.key)


async def test_messages_are_signed_as_wallets_do(ask: Asker) -> None:
    signed = await ask("personal_sign", "0x68656c6c6f", ask.accounts[1])
    signer = Account.recover_message(encode_defunct(text="hello"), signature=signed)
    assert signer.lower() == ask.accounts[1]
    assert await ask("eth_sign", ask.accounts[1], "0x68656c6c6f") == signed
    with pytest.raises(Asked, match="no signer"):
        await ask("personal_sign", "0x00", TO)


async def test_typed_data_is_signed(ask: Asker) -> None:
    message: dict[str, Any] = {
        "types": {
            "EIP712Domain": [{"name": "name", "type": "string"}],
            "Order": [{"name": "amount", "type": "uint256"}],
        },
        "primaryType": "Order",
        "domain": {"name": "shop"},
        "message": {"amount": 3},
    }
    signed = await ask("eth_signTypedData_v4", ask.accounts[2], message)
    # As ethers and wallets send it: the object as text, numbers as text in it.
    worded = json.dumps({**message, "message": {"amount": "3"}})
    assert await ask("eth_signTypedData_v4", ask.accounts[2], worded) == signed
    signable = encode_typed_data(full_message=message)
    assert (
        Account.recover_message(signable, signature=signed).lower() == (ask.accounts[2])
    )


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({}, "0x2"),
        ({"gasPrice": "0x77359400"}, "0x0"),
        ({"gasPrice": "0x77359400", "accessList": []}, "0x1"),
        ({"maxFeePerGas": "0x77359400", "maxPriorityFeePerGas": "0x1"}, "0x2"),
    ],
)
async def test_transactions_of_every_type_are_sent(
    ask: Asker, fields: dict[str, Any], kind: str
) -> None:
    receipt = await ask.send(to=TO, value="0x1", **fields)
    assert (receipt["status"], receipt["type"]) == ("0x1", kind)


async def test_a_signed_transaction_can_be_sent_by_anyone(ask: Asker) -> None:
    request = {"from": ask.accounts[3], "to": TO, "value": "0x2"}
    signed = await ask("eth_signTransaction", request)
    assert Account.recover_transaction(signed["raw"]).lower() == ask.accounts[3]
    sent = await ask("eth_sendRawTransaction", signed["raw"])
    assert sent == signed["tx"]["hash"]
    assert await ask.balance(TO) == 2


async def test_a_reverting_transaction_is_refused_when_its_gas_is_estimated(
    ask: Asker,
) -> None:
    at = "0x" + "77" * 20
    await ask("anvil_setCode", at, REVERTS)
    with pytest.raises(Asked, match="execution reverted") as caught:
        await ask.send(to=at)
    assert (caught.value.code, caught.value.data) == (3, "0x666f6f")
    assert (await ask.send(to=at, gas="0x10000"))["status"] == "0x0"


async def test_a_wrong_chain_id_is_refused(ask: Asker) -> None:
    with pytest.raises(Asked, match="chainId does not match"):
        await ask.send(to=TO, chainId="0x1")


async def test_the_deployer_of_deterministic_addresses_is_there(ask: Asker) -> None:
    assert len(await ask("eth_getCode", DEPLOYER, "latest")) > 100
    init = "6001600c60003960016000f300"
    receipt = await ask.send(to=DEPLOYER, data="0x" + "00" * 32 + init)
    assert receipt["status"] == "0x1"
