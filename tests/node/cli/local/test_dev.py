"""`chandlery dev` as a process, used by libraries over HTTP and WebSocket."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from web3 import AsyncWeb3, Web3, WebSocketProvider

from node.chain.genesis import load_genesis
from node.networks.devchain.accounts import derive_accounts
from node.networks.devchain.validators import network_plan
from node.networks.layout import create_network
from shop_contract.artifact import load_artifact
from tests.node.network.cluster import chandlery

CLIENTS, EACH = 8, 10


class DevProcess:
    """`chandlery dev` on a free port, until `stop`."""

    def __init__(self, *words: str) -> None:
        command = [sys.executable, "-m", "node", "dev", "--port", "0", *words]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.text, self.url = "", ""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.text += line
            found = re.match(r"Listening on (http://\S+)", line)
            if found:
                self.url = found[1]
                return
        pytest.fail(f"it ended:\n{self.text}")

    def stop(self) -> int:
        """Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        out, _ = self.process.communicate(timeout=20)
        self.text += out
        return self.process.returncode


@pytest.fixture(scope="module")
def dev() -> Iterator[DevProcess]:
    started = DevProcess("--compat", "anvil")
    yield started
    assert started.stop() == 0


@pytest.fixture
def w3(dev: DevProcess) -> Web3:
    return Web3(Web3.HTTPProvider(dev.url))


def test_it_prints_its_accounts_and_keys(dev: DevProcess) -> None:
    assert "(0) 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266 (10000 ETH)" in dev.text
    assert all(key.secret.hex() in dev.text for key in derive_accounts())
    assert "Chain id:  31337" in dev.text


def test_a_contract_is_deployed_and_used_as_with_anvil(w3: Web3) -> None:
    assert w3.client_version.startswith("anvil/")
    artifact = load_artifact()
    owner = w3.eth.accounts[0]
    factory: Any = w3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
    deployed = w3.eth.get_transaction_receipt(
        factory.constructor().transact({"from": owner})
    )
    shop: Any = w3.eth.contract(address=deployed["contractAddress"], abi=artifact.abi)
    sent = shop.functions.add_option(0, "taper").transact({"from": owner})
    assert w3.eth.get_transaction_receipt(sent)["status"] == 1
    assert shop.functions.owner().call() == owner


def test_many_clients_at_once_never_stick(dev: DevProcess) -> None:
    def send(at: int) -> int:
        client = Web3(Web3.HTTPProvider(dev.url))
        request: Any = {
            "from": client.eth.accounts[at + 1],
            "to": client.eth.accounts[0],
            "value": Web3.to_wei(1, "wei"),
            "gas": 21_000,
        }
        sent = [client.eth.send_transaction(request) for _ in range(EACH)]
        return sum(client.eth.get_transaction_receipt(h)["status"] for h in sent)

    with ThreadPoolExecutor(CLIENTS) as pool:
        assert sum(pool.map(send, range(CLIENTS))) == CLIENTS * EACH


async def test_heads_come_over_the_websocket(dev: DevProcess, w3: Web3) -> None:
    async with AsyncWeb3(WebSocketProvider(dev.url.replace("http", "ws"))) as client:
        await client.eth.subscribe("newHeads")
        w3.provider.make_request("evm_mine", [])  # type: ignore[arg-type]
        message: Any = await anext(client.socket.process_subscriptions())
        assert message["result"]["number"] == w3.eth.block_number


def test_the_directory_keeps_the_chain(tmp_path: Path) -> None:
    first = DevProcess("--dir", str(tmp_path / "chain"), "--chain-id", "77")
    client = Web3(Web3.HTTPProvider(first.url))
    payer, payee = client.eth.accounts[:2]
    client.eth.send_transaction(
        {"from": payer, "to": payee, "value": Web3.to_wei(1, "ether")}
    )
    before = client.eth.get_block(1)
    first.process.kill()
    first.process.communicate()
    second = DevProcess("--dir", str(tmp_path / "chain"))
    client = Web3(Web3.HTTPProvider(second.url))
    assert client.eth.get_block(1) == before
    assert client.eth.chain_id == 77
    assert second.stop() == 0


def test_a_real_network_has_the_same_accounts(tmp_path: Path) -> None:
    plan = network_plan(2, 31_337)
    create_network(tmp_path / "net", plan)
    genesis = load_genesis(tmp_path / "net")
    for key in derive_accounts():
        assert genesis.alloc[key.address].balance == 10_000 * 10**18
    assert genesis.chain_id == 31_337


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--validators", "2", "--no-mining"], "--no-mining is for the dev chain"),
        (["--block-time", "0"], "above 0"),
        (["--validators", "2", "--allow-host", "x"], "--allow-host is for the dev"),
    ],
)
def test_what_does_not_go_together_is_said(words: list[str], message: str) -> None:
    refused = chandlery("dev", "--port", "0", *words, check=False)
    assert refused.returncode == 2
    assert message in refused.stderr


def test_beyond_this_machine_it_makes_a_token_and_asks_for_it() -> None:
    started = DevProcess("--host", "0.0.0.0", "--executor", "pyevm")
    try:
        url = started.url.replace("0.0.0.0", "127.0.0.1")
        found = re.search(r"^Token: +(\S+)", started.text, re.MULTILINE)
        assert found is not None
        bearer = {"Authorization": f"Bearer {found[1]}"}
        client = Web3(Web3.HTTPProvider(url, request_kwargs={"headers": bearer}))
        assert client.eth.chain_id == 31_337
        assert not Web3(Web3.HTTPProvider(url)).is_connected()
    finally:
        assert started.stop() == 0
