"""cast and forge on the dev chain and on validators: deploy, send, call, trace, logs,
scripts.

Needs the binaries, on the path or in the folder CHANDLERY_FOUNDRY; `forge` a `solc` on
the path, too.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.networks.devchain.accounts import derive_accounts
from shop_contract.artifact import load_artifact
from tests.clients.chains import dev_process, validators

FOLDER = os.environ.get("CHANDLERY_FOUNDRY")
TIMEOUT_S = 120
KEYS = ["0x" + key.secret.hex() for key in derive_accounts(count=2)]
STRANGER = "0x" + derive_accounts(count=2)[1].address.hex()
COUNTER = """
// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.0;
contract Counter {
    uint256 public count;
    constructor(uint256 start) { count = start; }
    function add() external { count += 1; }
}
"""
SCRIPT = """
// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.0;
import {Counter} from "../src/Counter.sol";
interface Vm { function startBroadcast() external; function stopBroadcast() external; }
contract Deploy {
    bool public IS_SCRIPT = true;
    function run() external {
        Vm vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
        vm.startBroadcast();
        Counter counter = new Counter(5);
        counter.add();
        new Counter{salt: bytes32(uint256(7))}(9);
        vm.stopBroadcast();
    }
}
"""


@pytest.fixture(scope="module", params=["dev", "network"])
def url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    if shutil.which("cast", path=FOLDER) is None:
        pytest.skip("cast is neither on the path nor in CHANDLERY_FOUNDRY")
    chain = (
        dev_process("--compat", "anvil")
        if request.param == "dev"
        else validators(tmp_path_factory.mktemp("foundry"))
    )
    with chain as found:
        yield found


def run(tool: str, *words: str, cwd: Path | None = None, code: int = 0) -> str:
    """What a tool says."""
    binary = shutil.which(tool, path=FOLDER)
    if binary is None:
        pytest.skip(f"{tool} is neither on the path nor in CHANDLERY_FOUNDRY")
    ended = subprocess.run(
        [binary, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
        cwd=cwd,
    )
    assert ended.returncode == code, ended.stdout + ended.stderr
    return (ended.stdout + ended.stderr).strip()


@pytest.fixture(scope="module")
def shop(url: str) -> str:
    """The shop's contract, deployed by `cast send --create`."""
    code = "0x" + load_artifact().bytecode.hex()
    sent = run(
        *("cast", "send", "--rpc-url", url, "--private-key", KEYS[0]),
        *("--json", "--create", code),
    )
    receipt = json.loads(sent)
    assert receipt["status"] == "0x1"
    return str(receipt["contractAddress"])


def test_cast_sends_calls_and_reads(url: str, shop: str) -> None:
    at = ("--rpc-url", url)
    key = ("--private-key", KEYS[0])
    add = (shop, "add_option(uint256,string)", "0", "pillar")
    sent = json.loads(run("cast", "send", *at, *key, "--json", *add))
    assert sent["status"] == "0x1"
    owner = run("cast", "call", *at, shop, "owner()(address)")
    assert int(run("cast", "estimate", *at, "--from", owner, *add)) > 21_000
    assert shop.lower() in run("cast", "logs", *at, "--address", shop).lower()
    assert owner.lower()[2:] in run("cast", "storage", *at, shop, "0")
    assert json.loads(run("cast", "proof", *at, shop, "0"))["storageProof"]
    listed = run("cast", "access-list", *at, "--from", owner, shop, "owner()")
    assert shop.lower() in listed.lower()
    assert "Return" in run("cast", "call", *at, "--trace", shop, "owner()(address)")
    ran = run("cast", "run", *at, sent["transactionHash"])
    assert "Transaction successfully executed" in ran
    height = int(run("cast", "block-number", *at))
    assert height >= int(sent["blockNumber"], 16)
    age = run("cast", "block", *at, "latest", "--field", "timestamp")
    assert int(age.split()[0]) > 0
    assert json.loads(run("cast", "rpc", *at, "txpool_status"))["pending"] == "0x0"
    raw = run("cast", "tx", *at, sent["transactionHash"], "raw")
    assert raw.startswith("0x02")


def test_cast_says_why_a_call_reverts(url: str, shop: str) -> None:
    paused = (shop, "set_paused(bool)", "true")
    at = ("--rpc-url", url)
    said = run("cast", "call", *at, "--from", STRANGER, *paused, code=1)
    assert "not_authorized" in said
    said = run("cast", "send", *at, "--private-key", KEYS[1], *paused, code=1)
    assert "not_authorized" in said


def test_forge_creates_and_runs_a_script(url: str, tmp_path: Path) -> None:
    solc = shutil.which("solc")
    if solc is None:
        pytest.skip("no solc on the path: forge cannot compile")
    for folder, name, text in (
        ("src", "Counter.sol", COUNTER),
        ("script", "Deploy.s.sol", SCRIPT),
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(text)
    profile = f'[profile.default]\nsolc = "{solc}"\noffline = true\n'
    (tmp_path / "foundry.toml").write_text(profile)
    sending = ("--rpc-url", url, "--private-key", KEYS[0], "--broadcast")
    made = run(
        *("forge", "create", "src/Counter.sol:Counter", *sending),
        *("--constructor-args", "5"),
        cwd=tmp_path,
    )
    assert "Deployed to: 0x" in made
    script = ("forge", "script", "script/Deploy.s.sol:Deploy", *sending)
    said = run(*script, "--slow", cwd=tmp_path)
    assert "ONCHAIN EXECUTION COMPLETE & SUCCESSFUL" in said
