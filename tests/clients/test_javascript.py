"""ethers 6, viem and Hardhat, on the dev chain and on validators: kit/README.md."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.clients.chains import dev_process, websocket_of

if TYPE_CHECKING:
    from node.testing.network import QbftNetwork

KIT = Path(__file__).resolve().parent / "kit"
SHOP = Path(__file__).resolve().parents[2] / "shop_contract" / "artifact" / "Shop.json"
CLIENTS = ("ethers", "viem", "hardhat", "hardhat3")
SETTINGS = {"hardhat3": ("CHANDLERY_HARDHAT3", "hardhat")}
"""Where packages lie that cannot lie with the others."""
TIMEOUT_S = 150


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str, str], str]:
    """Runs a client's flows on a URL and a kind of chain; gives what it said."""
    name: str = request.param
    setting, package = SETTINGS.get(name, ("CHANDLERY_JS_CLIENTS", name))
    packages = Path(os.environ.get(setting, "")) / "node_modules"
    node = shutil.which("node", path=packages / ".bin") or shutil.which("node")
    if not os.environ.get(setting) or node is None:
        pytest.skip(f"Node.js with {setting} is not here: see kit/README.md")
    if not (packages / package).is_dir():
        pytest.skip(f"{package} is not in {packages}: see kit/README.md")
    script, project = KIT / f"{name}.cjs", KIT
    if name == "hardhat3":
        # Modules look for packages where they lie themselves.
        project = Path(shutil.copytree(KIT / name, tmp_path / "project"))
        shutil.copy(KIT / "common.cjs", project)
        (project / "package.json").write_text('{"type": "module"}')
        (project / "node_modules").symlink_to(packages, target_is_directory=True)
        script = project / "flows.mjs"
    quiet = {"NODE_PATH": str(packages), "HARDHAT_DISABLE_TELEMETRY_PROMPT": "true"}

    def run(url: str, kind: str) -> str:
        ended = subprocess.run(
            [node, str(script), url, websocket_of(url), str(SHOP), kind],
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
            cwd=project,
            env={**os.environ, **quiet},
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    return run


def test_a_client_runs_its_flows_on_the_dev_chain(
    client: Callable[[str, str], str],
) -> None:
    with dev_process("--compat", "anvil") as url:
        assert client(url, "dev").strip().endswith("checks")


@pytest.mark.qbft(validators=4)
def test_a_client_runs_its_flows_on_validators(
    client: Callable[[str, str], str], request: pytest.FixtureRequest
) -> None:
    network: QbftNetwork = request.getfixturevalue("qbft_network")
    said = client(network.nodes[0].url, "network")
    assert said.strip().endswith("checks")
