"""`chandlery shop deploy` over a socket: what it leaves behind, what it refuses."""

import argparse
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_utils.address import to_canonical_address

from shop_contract.cli import configure
from shop_contract.codec import decode_result, encode_call
from shop_contract.errors import ShopError
from shop_contract.rules import default_catalogue
from tests.shop_contract.rpc_node import CHAIN_ID, RpcNode

OWNER = Account.from_key(b"\x07" * 32)
STAFF = "0x00000000000000000000000000000000000000AA"


def deploy(*words: object) -> int:
    parser = argparse.ArgumentParser()
    configure(parser)
    arguments = parser.parse_args(["deploy", *map(str, words)])
    code: int = arguments.run(arguments)
    return code


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "owner.key"
    path.write_text("0x" + "07" * 32 + "\n")
    path.chmod(0o600)
    return path


def view(node: RpcNode, address: str, function: str, *arguments: object) -> Any:
    call = encode_call(function, *arguments)
    success, output = node.evm.call(to_canonical_address(address), call)
    assert success
    return decode_result(function, output)


def test_a_deployed_shop_sells_the_whole_catalogue(
    key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pem = tmp_path / "delivery.pem"
    words = ("--moulder", STAFF, "--stock", "12", "--delivery-key", pem, "--json")
    with RpcNode() as node:
        assert deploy("--rpc", node.url, "--key", key, *words) == 0
        document = json.loads(capsys.readouterr().out)
        address = document["address"]
        assert document["owner"] == OWNER.address
        assert document["chain_id"] == CHAIN_ID
        assert document["block"] == 1
        assert document["transactions"] == len(node.receipts)
        catalogue = default_catalogue()
        seen = view(node, address, "catalogue")
        assert tuple(seen["shapes"]) == catalogue.shapes
        assert tuple(seen["sizes"]) == catalogue.sizes
        assert tuple(seen["scents"]) == catalogue.scents
        for shape in range(len(catalogue.shapes)):
            skus = [s for d, s in sorted(catalogue.skus.items()) if d.shape == shape]
            expected = [{"price": sku.price, "stock": 12} for sku in skus]
            assert view(node, address, "shelf", shape) == expected
        assert view(node, address, "is_moulder", STAFF)
        assert not view(node, address, "is_moulder", OWNER.address)
        assert view(node, address, "is_courier", OWNER.address)
        assert len(view(node, address, "delivery_key")) == 65
    assert stat.S_IMODE(pem.stat().st_mode) == 0o600


def test_a_local_networks_first_account_opens_a_shop(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    accounts = tmp_path / "accounts.json"
    accounts.write_text(json.dumps([{"private_key": "0x" + "07" * 32}]))
    accounts.chmod(0o600)
    with RpcNode() as node:
        descriptor = {"endpoints": [{"url": node.url, "protocol": "jsonrpc"}]}
        (tmp_path / "descriptor.json").write_text(json.dumps(descriptor))
        assert deploy("--network", tmp_path) == 0
        assert OWNER.address in capsys.readouterr().out
        for flag in ("--demo-key", "--accounts"):
            assert deploy(flag, accounts, "--rpc", node.url) == 0


def test_an_encrypted_key_file_asks_for_its_password(
    key: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keystore = Account.encrypt(OWNER.key, "candle", kdf="pbkdf2", iterations=2)
    key.write_text(json.dumps(keystore))
    with RpcNode() as node:
        monkeypatch.setenv("CHANDLERY_PASSWORD", "wax")
        with pytest.raises(ShopError, match="no usable key"):
            deploy("--rpc", node.url, "--key", key)
        monkeypatch.setenv("CHANDLERY_PASSWORD", "candle")
        assert deploy("--rpc", node.url, "--key", key) == 0
    assert OWNER.address in capsys.readouterr().out


def test_a_key_that_others_may_read_is_refused_for_safety(key: Path) -> None:
    key.chmod(0o644)
    with pytest.raises(ShopError, match="chmod 600") as refused:
        deploy("--rpc", "http://127.0.0.1:1", "--key", key)
    assert refused.value.exit_code == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--rpc", "127.0.0.1:8545"), "is no endpoint"),
        ((), "--rpc URL"),
        (("--rpc", "http://127.0.0.1:1"), "is the network up"),
        (("--rpc", "http://127.0.0.1:1", "--moulder", "0x12"), "is no address"),
        (("--rpc", "http://127.0.0.1:1", "--stock", "-1"), "--stock must be"),
        (("--rpc", "http://127.0.0.1:1", "--catalogue", os.devnull), os.devnull),
    ],
)
def test_bad_input_is_said_in_one_sentence(
    key: Path, words: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ShopError, match=said):
        deploy("--key", key, *words)


@pytest.mark.parametrize("text", ["", "no hex", "ab" * 31, "{}", "00" * 32])
def test_a_file_without_a_key_is_refused(key: Path, text: str) -> None:
    key.write_text(text)
    with pytest.raises(ShopError, match="no usable key"):
        deploy("--key", key, "--rpc", "http://127.0.0.1:1")
    with pytest.raises(ShopError, match=r"no accounts\.json"):
        deploy("--demo-key", key, "--rpc", "http://127.0.0.1:1")


def test_a_directory_that_is_no_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ShopError, match="cannot read the key file"):
        deploy("--network", tmp_path)


def test_a_nodes_refusal_is_passed_on(key: Path) -> None:
    answers = {"eth_getBlockByNumber": {"baseFeePerGas": "0x0"}}
    with RpcNode(answers) as node, pytest.raises(ShopError, match="less than block"):
        deploy("--rpc", node.url, "--key", key)


def test_a_transaction_that_fails_names_the_half_open_shop(key: Path) -> None:
    address = "0x" + "12" * 20
    receipt = {
        "status": "0x1",
        "contractAddress": address,
        "blockNumber": "0x1",
        "gasUsed": "0x1",
        "transactionHash": "0x01",
    }

    class Failing(RpcNode):
        def eth_getTransactionReceipt(self, wanted: str) -> dict[str, Any] | None:
            first = next(iter(self.receipts))
            return {**receipt, "status": "0x1" if wanted == first else "0x0"}

    with Failing() as node, pytest.raises(ShopError, match="not fully open") as failed:
        deploy("--rpc", node.url, "--key", key)
    assert "0x1212" in str(failed.value)


@pytest.mark.parametrize("text", ["", "-----BEGIN PRIVATE KEY-----\n"])
def test_a_file_that_is_no_delivery_key_is_refused(
    key: Path, tmp_path: Path, text: str
) -> None:
    pem = tmp_path / "delivery.pem"
    pem.write_text(text)
    pem.chmod(0o600)
    with pytest.raises(ShopError, match="no P-256 private key"):
        deploy("--key", key, "--rpc", "http://127.0.0.1:1", "--delivery-key", pem)


def test_a_local_network_is_told_where_its_shop_is(tmp_path: Path) -> None:
    accounts = [{"private_key": "0x" + "07" * 32}]
    with RpcNode() as node:
        (tmp_path / "descriptor.json").write_text(
            json.dumps({"endpoints": [{"url": node.url}]})
        )
        (tmp_path / "accounts.json").write_text(json.dumps(accounts))
        (tmp_path / "accounts.json").chmod(0o600)
        for name in ("node1", "node2"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "node.toml").touch()
        assert deploy("--network", tmp_path) == 0
        notes = [
            json.loads((folder / "shop.json").read_text())
            for folder in (tmp_path, tmp_path / "node1", tmp_path / "node2")
        ]
        assert notes[0] == notes[1] == notes[2]
        assert view(node, notes[0]["address"], "delivery_key")
    assert stat.S_IMODE((tmp_path / "delivery.pem").stat().st_mode) == 0o600
