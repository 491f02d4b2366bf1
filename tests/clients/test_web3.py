"""web3.py as its users write it, on the dev chain and on validators.

Runs with the version that is installed; 7 and 8 are both supported.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from eth_account import Account
from web3 import AsyncHTTPProvider, AsyncWeb3, Web3, WebSocketProvider
from web3.exceptions import ContractLogicError
from web3.middleware import SignAndSendRawMiddlewareBuilder

from node.networks.devchain.accounts import derive_accounts
from shop_contract.artifact import load_artifact
from tests.clients.chains import dev_process, websocket_of

KEYS = [Account.from_key(key.secret) for key in derive_accounts(count=3)]
OWNER, STRANGER, SENDER = KEYS
TO = Web3.to_checksum_address("0x" + "12" * 20)
MANY = 50


@pytest.fixture
def dev_url() -> Iterator[str]:
    with dev_process() as url:
        yield url


@pytest.fixture(params=["dev", "network"])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "dev":
        found: str = request.getfixturevalue("dev_url")
        return found
    return str(request.getfixturevalue("qbft_network").nodes[0].url)


def signing(url: str) -> Web3:
    """A client that signs for our keys itself."""
    w3 = Web3(Web3.HTTPProvider(url))
    signer = SignAndSendRawMiddlewareBuilder.build(KEYS)  # type: ignore[arg-type]
    w3.middleware_onion.inject(signer, layer=0)
    w3.eth.default_account = OWNER.address
    return w3


def transfer(nonce: int, chain_id: int) -> Any:
    """A raw transfer of SENDER."""
    fields = {
        "to": TO,
        "value": 1,
        "gas": 21_000,
        "maxFeePerGas": 10**11,
        "maxPriorityFeePerGas": 10**9,
        "nonce": nonce,
        "chainId": chain_id,
    }
    return SENDER.sign_transaction(fields).raw_transaction


def test_contracts_events_filters_batches_and_reverts(url: str) -> None:
    w3 = signing(url)
    artifact = load_artifact()

    def done(sent: Any) -> Any:
        return w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.05)

    factory: Any = w3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
    at = done(factory.constructor().transact())["contractAddress"]
    shop: Any = w3.eth.contract(address=at, abi=artifact.abi)
    assert shop.functions.owner().call() == OWNER.address
    logs = shop.events.OptionAdded.create_filter(from_block="latest")
    blocks = w3.eth.filter("latest")
    receipt = done(shop.functions.add_option(0, "pillar").transact())
    [event] = shop.events.OptionAdded().process_receipt(receipt)
    assert event["args"]["name"] == "pillar"
    found = shop.events.OptionAdded().get_logs(from_block=receipt["blockNumber"])
    assert [e["transactionHash"] for e in found] == [receipt["transactionHash"]]
    assert [e["args"]["name"] for e in logs.get_new_entries()] == ["pillar"]
    assert receipt["blockHash"] in blocks.get_new_entries()
    for work in (shop.functions.set_paused(True).call, *_sends(shop)):
        with pytest.raises(ContractLogicError, match="not_authorized"):
            work({"from": STRANGER.address})
    with w3.batch_requests() as batch:
        batch.add(w3.eth.get_block("latest"))
        batch.add(w3.eth.get_balance(OWNER.address))
        assert len(batch.execute()) == 2
    overrides: Any = {TO: {"code": "0x602a5f5260205ff3"}}
    answer = w3.eth.call({"to": TO}, "latest", overrides)
    assert int.from_bytes(answer, "big") == 42
    assert w3.eth.get_proof(OWNER.address, [0], "latest")["nonce"] >= 2
    [history] = w3.eth.fee_history(1, "latest", [50])["reward"]
    assert len(history) == 1


def _sends(shop: Any) -> list[Any]:
    paused = shop.functions.set_paused(True)
    return [paused.transact, paused.estimate_gas]


def test_what_the_simulation_says_is_what_happens(url: str) -> None:
    w3 = signing(url)
    call = {"from": OWNER.address, "to": TO, "value": hex(5)}
    request: Any = {"blockStateCalls": [{"calls": [call]}], "traceTransfers": True}
    raw: Any = w3.provider.make_request("eth_simulateV1", [request, "latest"])  # type: ignore[arg-type]
    [simulated] = raw["result"][0]["calls"]
    sent = w3.eth.send_transaction({"to": TO, "value": Web3.to_wei(5, "wei")})
    receipt = w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.05)
    assert int(simulated["gasUsed"], 16) == receipt["gasUsed"]
    assert int(simulated["logs"][0]["data"], 16) == 5


async def test_many_at_once_without_blocking(url: str) -> None:
    w3 = AsyncWeb3(AsyncHTTPProvider(url))
    asked = (w3.eth.get_balance(OWNER.address) for _ in range(MANY))
    assert len(set(await asyncio.gather(*asked))) == 1
    await w3.provider.disconnect()


async def test_subscriptions_and_requests_on_one_websocket(url: str) -> None:
    async with AsyncWeb3(WebSocketProvider(websocket_of(url))) as w3:
        heads = await w3.eth.subscribe("newHeads")
        pending = await w3.eth.subscribe("newPendingTransactions")
        chain_id = await w3.eth.chain_id
        nonce = await w3.eth.get_transaction_count(SENDER.address)
        sent = await w3.eth.send_raw_transaction(transfer(nonce, chain_id))
        heard: dict[Any, Any] = {}
        async for message in w3.socket.process_subscriptions():
            heard[message["subscription"]] = message["result"]
            if {heads, pending} <= heard.keys():
                break
        assert heard[pending] == sent
        asked = (w3.eth.get_block("latest") for _ in range(MANY))
        assert len(await asyncio.gather(*asked)) == MANY
        assert await w3.eth.unsubscribe(heads)
