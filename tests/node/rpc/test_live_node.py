"""JSON-RPC of a real node in its own process, as libraries and attackers use it."""

import asyncio
import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import AsyncWeb3, Web3, WebSocketProvider
from web3.contract import Contract
from web3.exceptions import Web3RPCError

from shop_contract.artifact import load_artifact
from tests.node.network.cluster import MAX_FEE_WEI, TIP_WEI, Cluster

CHAIN_ID = 99_001
DEPLOY_GAS = 6_000_000
STRANGER = Web3.to_checksum_address("0x" + "ab" * 20)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(
        tmp_path_factory.mktemp("rpc") / "net", validators=1, chain_id=CHAIN_ID
    )
    yield made
    made.down()


@pytest.fixture(scope="module")
def w3(cluster: Cluster) -> Web3:
    return cluster.nodes[0]


@pytest.fixture(scope="module")
def owner(cluster: Cluster) -> LocalAccount:
    return cluster.accounts[0]


@pytest.fixture(scope="module")
def shop(cluster: Cluster, w3: Web3, owner: LocalAccount) -> Contract:
    artifact = load_artifact()
    fields = {"data": artifact.bytecode, "gas": DEPLOY_GAS}
    nonce = w3.eth.get_transaction_count(owner.address)
    sent = w3.eth.send_raw_transaction(cluster.sign(owner, fields, nonce))
    receipt = w3.eth.wait_for_transaction_receipt(sent)
    assert receipt["status"] == 1
    return w3.eth.contract(address=receipt["contractAddress"], abi=artifact.abi)


def add_option(cluster: Cluster, shop: Contract, name: str) -> Any:
    """Send a transaction of the owner that emits an event; returns its receipt."""
    owner = cluster.accounts[0]
    fields = {
        "to": shop.address,
        "data": shop.encode_abi("add_option", [0, name]),
        "gas": 200_000,
    }
    w3 = cluster.nodes[0]
    nonce = w3.eth.get_transaction_count(owner.address, "pending")
    sent = w3.eth.send_raw_transaction(cluster.sign(owner, fields, nonce))
    receipt = w3.eth.wait_for_transaction_receipt(sent)
    assert receipt["status"] == 1
    return receipt


def ask(w3: Web3, method: str, *params: Any) -> dict[str, Any]:
    answer: Any = w3.provider.make_request(method, list(params))  # type: ignore[arg-type]
    return dict(answer)


def test_a_contract_is_deployed_and_its_code_is_that_of_the_artifact(
    w3: Web3, shop: Contract
) -> None:
    code = bytes(w3.eth.get_code(shop.address))
    # Immutables follow the compiled code.
    assert code.startswith(load_artifact().deployed_bytecode)


def test_events_are_found_by_address_topic_range_and_block(
    cluster: Cluster, w3: Web3, shop: Contract
) -> None:
    receipt = add_option(cluster, shop, "pillar")
    [log] = receipt["logs"]
    number = receipt["blockNumber"]
    by_topic = {"address": shop.address, "topics": [log["topics"][0]]}
    ranged = {**by_topic, "fromBlock": number, "toBlock": number}
    assert w3.eth.get_logs(ranged) == [log]  # type: ignore[arg-type]
    assert w3.eth.get_logs({"blockHash": receipt["blockHash"]}) == [log]
    other = {**ranged, "topics": ["0x" + "ab" * 32]}
    assert w3.eth.get_logs(other) == []  # type: ignore[arg-type]
    elsewhere = {**ranged, "address": STRANGER}
    assert w3.eth.get_logs(elsewhere) == []  # type: ignore[arg-type]


def test_filters_give_what_is_new_since_the_last_poll(
    cluster: Cluster, w3: Web3, shop: Contract
) -> None:
    logs = w3.eth.filter({"address": shop.address})
    blocks = w3.eth.filter("latest")
    pending = w3.eth.filter("pending")
    receipt = add_option(cluster, shop, "taper")
    assert [dict(log) for log in logs.get_new_entries()] == [
        dict(log) for log in receipt["logs"]
    ]
    assert receipt["blockHash"] in blocks.get_new_entries()
    assert receipt["transactionHash"] in pending.get_new_entries()
    assert logs.get_new_entries() == []
    assert w3.eth.uninstall_filter(logs.filter_id)
    with pytest.raises(Web3RPCError, match="filter not found"):
        w3.eth.get_filter_changes(logs.filter_id)


async def test_subscriptions_bring_heads_logs_and_pending_transactions(
    cluster: Cluster, shop: Contract
) -> None:
    url = cluster.urls[0].replace("http", "ws")
    async with AsyncWeb3(WebSocketProvider(url)) as w3:
        heads = await w3.eth.subscribe("newHeads")
        logs = await w3.eth.subscribe("logs", {"address": shop.address})
        pending = await w3.eth.subscribe("newPendingTransactions")
        receipt = await asyncio.to_thread(add_option, cluster, shop, "votive")
        seen: dict[str, list[Any]] = {heads: [], logs: [], pending: []}
        async with asyncio.timeout(30):
            async for message in w3.socket.process_subscriptions():
                seen[message["subscription"]].append(message["result"])
                if all(seen.values()) and receipt["blockHash"] in [
                    head["hash"] for head in seen[heads]
                ]:
                    break
        assert seen[logs][0]["transactionHash"] == receipt["transactionHash"]
        assert receipt["transactionHash"] in seen[pending]
        assert await w3.eth.unsubscribe(heads)


async def test_a_binary_websocket_frame_is_understood(cluster: Cluster) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(cluster.urls[0] + "/ws") as socket_,
    ):
        await socket_.send_bytes(b'{"jsonrpc":"2.0","id":5,"method":"eth_chainId"}')
        answer = await socket_.receive_json(timeout=10)
    assert answer == {"jsonrpc": "2.0", "id": 5, "result": hex(CHAIN_ID)}


def test_a_failing_call_reverts_with_its_reason(w3: Web3, shop: Contract) -> None:
    call = {"to": shop.address, "data": shop.encode_abi("cancel", [10**9])}
    answer = ask(w3, "eth_call", call, "latest")
    assert answer["error"]["code"] == 3
    assert answer["error"]["message"] == "execution reverted: unknown_order"
    assert answer["error"]["data"].startswith("0x08c379a0")
    assert ask(w3, "eth_estimateGas", call)["error"]["code"] == 3


def test_an_endless_loop_ends_in_an_error(w3: Web3) -> None:
    loop = {"code": "0x5b600056"}  # JUMPDEST PUSH1 0 JUMP
    target = "0x" + "77" * 20
    call = {"to": target, "gas": hex(2**60)}
    answer = ask(w3, "eth_call", call, "latest", {target: loop})
    assert "error" in answer


def test_overrides_change_what_a_call_sees(w3: Web3) -> None:
    target = "0x" + "88" * 20
    read_slot_0 = {
        "code": "0x5f545f5260205ff3",
        "stateDiff": {"0x" + "0" * 64: "0x" + "0" * 62 + "2a"},
    }
    answer = ask(w3, "eth_call", {"to": target}, "latest", {target: read_slot_0})
    assert int(answer["result"], 16) == 42
    number = {"code": "0x435f5260205ff3"}
    overridden = ask(
        w3, "eth_call", {"to": target}, "latest", {target: number}, {"number": "0x99"}
    )
    assert int(overridden["result"], 16) == 0x99


def test_gas_is_estimated_so_that_it_suffices(
    cluster: Cluster, w3: Web3, shop: Contract
) -> None:
    data = shop.encode_abi("add_option", [0, "sphere"])
    call = {"from": cluster.accounts[0].address, "to": shop.address, "data": data}
    gas = w3.eth.estimate_gas(call)  # type: ignore[arg-type]
    owner = cluster.accounts[0]
    nonce = w3.eth.get_transaction_count(owner.address)
    fields = {"to": shop.address, "data": data, "gas": gas}
    sent = w3.eth.send_raw_transaction(cluster.sign(owner, fields, nonce))
    assert w3.eth.wait_for_transaction_receipt(sent)["status"] == 1


def test_proofs_have_an_account_and_the_slots_asked_for(
    w3: Web3, shop: Contract
) -> None:
    proof = w3.eth.get_proof(shop.address, [0, 1, 2])
    assert len(proof["accountProof"]) > 0
    assert len(proof["storageProof"]) == 3


def invalid_transactions(cluster: Cluster) -> list[tuple[str, bytes, str]]:
    rich, poor = cluster.accounts[3], Account.create()

    def sign(fields: dict[str, Any], nonce: int = 0, sender: Any = rich) -> bytes:
        return cluster.sign(sender, {"to": "0x" + "11" * 20, **fields}, nonce)

    good = sign({})
    legacy = {
        "maxFeePerGas": None,
        "maxPriorityFeePerGas": None,
        "gasPrice": MAX_FEE_WEI,
    }
    wrong_chain = {k: v for k, v in legacy.items() if v is not None}
    base = {"to": "0x" + "11" * 20, "nonce": 0, "gas": 21_000, "value": 0}
    other = rich.sign_transaction({**base, **wrong_chain, "chainId": CHAIN_ID + 1})
    unprotected = rich.sign_transaction({**base, **wrong_chain})
    return [
        ("empty", b"", ""),
        ("noise", b"\x01\x02\x03", ""),
        ("trailing bytes", good + b"\x00", ""),
        ("truncated", good[:-1], ""),
        ("unknown type", b"\x7f" + good[1:], "type"),
        ("blob type", b"\x03" + good[1:], "type"),
        ("other chain", sign({"chainId": CHAIN_ID + 1}), "chain"),
        ("other chain, legacy", bytes(other.raw_transaction), "chain"),
        ("unprotected", bytes(unprotected.raw_transaction), "replay-protected"),
        ("no funds", sign({}, sender=poor), "insufficient funds"),
        ("too little gas", sign({"gas": 20_999}), "intrinsic gas too low"),
        ("too much gas", sign({"gas": 10**9}), "gas limit"),
        ("low fee", sign({"maxFeePerGas": 1, "maxPriorityFeePerGas": 2}), "priority"),
        (
            "below the floor",
            sign({"data": "0x" + "ff" * 1_000, "gas": 38_000}),
            "floor",
        ),
        ("too large", sign({"data": "0x" + "00" * 140_000, "gas": 3_000_000}), ""),
    ]


def test_raw_transactions_of_every_invalid_kind_are_refused_with_a_reason(
    cluster: Cluster, w3: Web3
) -> None:
    for kind, raw, words in invalid_transactions(cluster):
        answer = ask(w3, "eth_sendRawTransaction", "0x" + raw.hex())
        assert "error" in answer, f"{kind} was accepted"
        message = answer["error"]["message"]
        assert words in message, f"{kind}: {message}"
        assert answer["error"]["code"] in (-32000, -32602), kind


def test_a_nonce_that_was_used_and_a_known_transaction_have_geths_words(
    cluster: Cluster, w3: Web3
) -> None:
    sender = cluster.accounts[4]
    raw = "0x" + cluster.transfer(sender, 0).hex()
    assert "result" in ask(w3, "eth_sendRawTransactionSync", raw)
    assert "nonce too low" in ask(w3, "eth_sendRawTransaction", raw)["error"]["message"]
    gapped = "0x" + cluster.transfer(sender, 5).hex()
    assert "result" in ask(w3, "eth_sendRawTransaction", gapped)
    again = ask(w3, "eth_sendRawTransaction", gapped)
    assert "already known" in again["error"]["message"]
    cheaper = "0x" + cluster.transfer(sender, 5, value=2).hex()
    replaced = ask(w3, "eth_sendRawTransaction", cheaper)
    assert "replacement transaction underpriced" in replaced["error"]["message"]
    assert ask(w3, "txpool_status")["result"] == {"pending": "0x0", "queued": "0x1"}
    content = ask(w3, "txpool_contentFrom", sender.address)["result"]
    assert list(content["queued"]) == ["5"]


def test_sending_and_waiting_gives_the_final_receipt(
    cluster: Cluster, w3: Web3
) -> None:
    raw = cluster.transfer(cluster.accounts[5], 0)
    receipt = ask(w3, "eth_sendRawTransactionSync", "0x" + raw.hex())["result"]
    assert receipt["status"] == "0x1"
    found = w3.eth.get_transaction(receipt["transactionHash"])
    assert found["blockHash"].to_0x_hex() == receipt["blockHash"]
    by_index = w3.eth.get_transaction_by_block(
        receipt["blockHash"], int(receipt["transactionIndex"], 16)
    )
    assert by_index["hash"].to_0x_hex() == receipt["transactionHash"]


def test_a_receipt_by_hash_is_the_one_of_its_block(w3: Web3) -> None:
    newest = w3.eth.block_number
    compared = 0
    for number in range(1, newest + 1):
        whole = ask(w3, "eth_getBlockReceipts", hex(number))["result"]
        for receipt in whole:
            one = ask(w3, "eth_getTransactionReceipt", receipt["transactionHash"])
            assert one["result"] == receipt
            compared += bool(receipt["logs"])
    assert compared


def test_old_blocks_keep_their_state(cluster: Cluster, w3: Web3) -> None:
    target = Web3.to_checksum_address("0x" + "99" * 20)
    before = w3.eth.block_number
    sender = cluster.accounts[6]
    for nonce in range(2):
        raw = cluster.sign(sender, {"to": target, "value": 5}, nonce)
        w3.eth.wait_for_transaction_receipt(w3.eth.send_raw_transaction(raw))
    assert w3.eth.get_balance(target, before) == 0
    assert w3.eth.get_balance(target) == 10


def test_the_fee_history_has_one_fee_more_than_blocks(w3: Web3) -> None:
    history = w3.eth.fee_history(3, "latest", [20, 80])
    assert len(history["baseFeePerGas"]) == len(history["reward"]) + 1
    assert all(len(tips) == 2 for tips in history["reward"])


def post(url: str, body: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_hostile_requests_get_json_rpc_errors_and_the_node_lives(
    cluster: Cluster, w3: Web3
) -> None:
    url = cluster.urls[0]
    bodies = [
        b"null",
        b"",
        b"[" * 100_000,
        b'{"a":' * 20_000,
        b"\x00" * 1_000,
        b"[" + b"1," * 400_000 + b"1]",
        b'{"jsonrpc":"2.0","id":1,"method":"eth_getLogs","params":[{"topics":'
        b'[[[[[]]]]],"fromBlock":"0xffffffffffffffffff"}]}',
        b'{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["0x'
        + b"f" * 10_000
        + b'"]}',
    ]
    for body in bodies:
        status, answer = post(url, body)
        assert answer["jsonrpc"] == "2.0", body[:20]
        assert "error" in answer, body[:20]
        assert status in (200, 413)
    status, answer = post(url, b" " * 2_000_000)
    assert (status, "larger than" in answer["error"]["message"]) == (413, True)
    assert w3.eth.chain_id == CHAIN_ID


def test_a_foreign_host_name_is_refused(cluster: Cluster) -> None:
    body = b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}'
    status, answer = post(cluster.urls[0], body, Host="evil.example")
    assert status == 403
    assert "allowed_hosts" in answer["error"]["message"]


async def test_a_page_of_another_origin_cannot_open_a_websocket(
    cluster: Cluster,
) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(cluster.urls[0], origin="http://evil.example")
    assert caught.value.status == 403


def test_a_get_is_told_to_post(cluster: Cluster) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(cluster.urls[0], timeout=10)
    assert caught.value.code == 405
    assert "POST" in json.load(caught.value)["error"]["message"]


def test_half_a_request_does_not_hold_the_node(cluster: Cluster, w3: Web3) -> None:
    host, port = cluster.urls[0].removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as slow:
        slow.sendall(
            b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50\r\n\r\n{"
        )
        assert w3.eth.chain_id == CHAIN_ID


def test_the_suggested_fees_are_enough(cluster: Cluster, w3: Web3) -> None:
    """As web3.py builds a transaction when nothing is said about fees."""
    sender = cluster.accounts[7]
    transaction = {
        "to": "0x" + "11" * 20,
        "value": 1,
        "from": sender.address,
        "nonce": 0,
        "gas": 21_000,
        "chainId": w3.eth.chain_id,
        "maxPriorityFeePerGas": w3.eth.max_priority_fee,
        "maxFeePerGas": w3.eth.gas_price * 2,
    }
    assert w3.eth.max_priority_fee == TIP_WEI
    raw = sender.sign_transaction(transaction).raw_transaction
    sent = w3.eth.send_raw_transaction(raw)
    assert w3.eth.wait_for_transaction_receipt(sent)["status"] == 1
