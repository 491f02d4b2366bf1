"""The promise of the walking skeleton: the same orders on every node, provably final.

The certificate check here is an independent program: pyrlp, eth_keys and eth_hash in
their plainest use, nothing of `node`.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rlp
from eth_hash.auto import keccak
from eth_keys import keys
from web3 import Web3
from web3.contract import Contract

from shop_contract.artifact import load_artifact
from tests.node.network.cluster import Cluster, chandlery

TRANSFERS = ORDERS = 200
ORDER_GAS = 300_000
DELIVERY = bytes(192)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("orders") / "net", chain_id=424_242)
    yield made
    made.down()


@pytest.fixture(scope="module")
def shop(cluster: Cluster) -> Contract:
    answer = chandlery(
        *("shop", "deploy", "--rpc", cluster.urls[0], "--json", "--stock", "1000"),
        *("--accounts", str(cluster.directory / "accounts.json")),
    )
    address = json.loads(answer.stdout)["address"]
    abi = load_artifact().abi
    return cluster.nodes[0].eth.contract(address=address, abi=abi)


def send_all(cluster: Cluster, raws: list[bytes]) -> list[bytes]:
    """Spread over all nodes, as clients would; returns the hashes."""
    nodes = cluster.nodes
    return [
        bytes(nodes[at % len(nodes)].eth.send_raw_transaction(raw))
        for at, raw in enumerate(raws)
    ]


def assert_final_everywhere(cluster: Cluster, hashes: list[bytes]) -> None:
    for transaction_hash in hashes:
        receipt = cluster.nodes[0].eth.wait_for_transaction_receipt(transaction_hash)
        assert receipt["status"] == 1
    cluster.wait_for_height(cluster.nodes[0].eth.block_number)
    for transaction_hash in hashes:
        places = {
            (receipt["blockHash"], receipt["transactionIndex"])
            for node in cluster.nodes
            for receipt in [node.eth.get_transaction_receipt(transaction_hash)]
        }
        assert len(places) == 1


def test_200_transfers_are_found_on_every_node(cluster: Cluster) -> None:
    senders = cluster.accounts[1:5]
    first = [cluster.nodes[0].eth.get_transaction_count(s.address) for s in senders]
    raws = [
        cluster.transfer(sender, first[at] + nonce)
        for nonce in range(TRANSFERS // len(senders))
        for at, sender in enumerate(senders)
    ]
    assert_final_everywhere(cluster, send_all(cluster, raws))


def test_200_orders_are_found_on_every_node(cluster: Cluster, shop: Contract) -> None:
    buyers = cluster.accounts[5:9]
    price = shop.functions.sku(0, 0, 0).call()
    unit = price[0] if isinstance(price, list | tuple) else price
    nonces = [cluster.nodes[0].eth.get_transaction_count(b.address) for b in buyers]
    raws = []
    for count in range(1, ORDERS + 1):
        at = count % len(buyers)
        reference = count.to_bytes(32, "big")
        data = shop.encode_abi("place", [0, 0, 0, 1, unit, reference, DELIVERY])
        fields = {"to": shop.address, "data": data, "value": unit, "gas": ORDER_GAS}
        raws.append(cluster.sign(buyers[at], fields, nonces[at]))
        nonces[at] += 1
    hashes = send_all(cluster, raws)
    assert_final_everywhere(cluster, hashes)
    last = cluster.nodes[3]
    for transaction_hash in hashes:
        logs = last.eth.get_transaction_receipt(transaction_hash)["logs"]
        assert {log["address"] for log in logs} == {shop.address}


def test_all_nodes_agree_on_every_block(cluster: Cluster) -> None:
    assert cluster.assert_agreement() > 1


def test_every_block_has_a_certificate_that_an_independent_program_accepts(
    cluster: Cluster,
) -> None:
    genesis_hash = bytes(cluster.nodes[0].eth.get_block(0)["hash"])
    for height in range(1, cluster.nodes[0].eth.block_number + 1):
        members = _validators(cluster.nodes[0], height - 1)
        block_hash = bytes(cluster.nodes[1].eth.get_block(height)["hash"])
        certificate = _ask(cluster.nodes[2], "qbft_getCommitCertificate", hex(height))
        signers = _signers(certificate, cluster.chain_id, genesis_hash, block_hash)
        assert len(signers) >= -(-2 * len(members) // 3)
        assert signers <= members


def _ask(node: Web3, method: str, *params: Any) -> Any:
    return node.provider.make_request(method, list(params))["result"]  # type: ignore[arg-type]


def _validators(node: Web3, height: int) -> set[bytes]:
    members = _ask(node, "qbft_getValidatorsByBlockNumber", hex(height))
    return {bytes.fromhex(member[2:]) for member in members}


def _signers(
    certificate: dict[str, Any], chain_id: int, genesis_hash: bytes, block_hash: bytes
) -> set[bytes]:
    height, round_ = int(certificate["height"], 16), int(certificate["round"], 16)
    signed = [b"chandlery/qbft/1", chain_id, genesis_hash, 2]
    payload = [height, round_, block_hash]
    digest = keccak(rlp.encode([*signed, payload]))
    signers = set()
    for seal in certificate["seals"]:
        signature = keys.Signature(bytes.fromhex(seal[2:]))
        public_key = signature.recover_public_key_from_msg_hash(digest)
        signers.add(public_key.to_canonical_address())
    assert len(signers) == len(certificate["seals"])
    return signers


def test_a_block_header_hashes_to_its_hash_for_an_unmodified_library(
    cluster: Cluster,
) -> None:
    raw = _ask(cluster.nodes[0], "debug_getRawHeader", "latest")
    number = int.from_bytes(rlp.decode(bytes.fromhex(raw[2:]))[8], "big")
    block = cluster.nodes[0].eth.get_block(number)
    assert keccak(bytes.fromhex(raw[2:])) == bytes(block["hash"])


def test_balances_are_conserved(cluster: Cluster) -> None:
    """No wei came or went besides what was burned as base fee."""
    node = cluster.nodes[0]
    head = node.eth.block_number
    genesis: dict[str, Any] = json.loads(
        Path(cluster.directory / "genesis.json").read_text()
    )
    minted = sum(int(account["balance"], 16) for account in genesis["alloc"].values())
    burned = 0
    for height in range(1, head + 1):
        block = node.eth.get_block(height)
        burned += block["gasUsed"] * block["baseFeePerGas"]
    known = {Web3.to_checksum_address(at) for at in genesis["alloc"]}
    for height in range(head + 1):
        block = node.eth.get_block(height, True)
        known.add(block["miner"])
        for transaction in block["transactions"]:
            known.add(transaction["from"])
            created = node.eth.get_transaction_receipt(transaction["hash"])
            known.add(transaction.get("to") or created["contractAddress"])
    known.discard(None)
    held = sum(node.eth.get_balance(at, head) for at in known)
    assert held + burned == minted
