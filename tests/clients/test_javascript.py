"""ethers 6, viem and Hardhat, on the dev chain and on validators: kit/README.md."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.clients.chains import dev_process, websocket_of

if TYPE_CHECKING:
    from node.testing.network import QbftNetwork

KIT = Path(__file__).resolve().parent / "kit"
SHOP = Path(__file__).resolve().parents[2] / "shop_contract" / "artifact" / "Shop.json"
PACKAGES = Path(os.environ.get("CHANDLERY_JS_CLIENTS", "")) / "node_modules"
CLIENTS = ("ethers", "viem", "hardhat")
TIMEOUT_S = 150


def run_client(client: str, url: str, kind: str) -> str:
    """Run the flows of a client; what it said."""
    node = shutil.which("node")
    if node is None or not os.environ.get("CHANDLERY_JS_CLIENTS"):
        pytest.skip("Node.js with CHANDLERY_JS_CLIENTS is not here: see kit/README.md")
    if not (PACKAGES / client).is_dir():
        pytest.skip(f"{client} is not in {PACKAGES}: see kit/README.md")
    command = [
        node,
        str(KIT / f"{client}.cjs"),
        url,
        websocket_of(url),
        str(SHOP),
        kind,
    ]
    ended = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
        env={
            **os.environ,
            "NODE_PATH": str(PACKAGES),
            "HARDHAT_DISABLE_TELEMETRY_PROMPT": "true",
        },
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_runs_its_flows_on_the_dev_chain(client: str) -> None:
    with dev_process("--compat", "anvil") as url:
        assert run_client(client, url, "dev").strip().endswith("checks")


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.qbft(validators=4)
def test_a_client_runs_its_flows_on_validators(
    client: str, request: pytest.FixtureRequest
) -> None:
    if not (PACKAGES / client).is_dir():
        pytest.skip(f"{client} is not in {PACKAGES}: see kit/README.md")
    network: QbftNetwork = request.getfixturevalue("qbft_network")
    said = run_client(client, network.nodes[0].url, "network")
    assert said.strip().endswith("checks")
