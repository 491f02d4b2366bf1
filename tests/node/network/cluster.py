"""A local network for tests: real processes, reached through JSON-RPC and commands."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import Web3

DEADLINE_S = 60.0
POLL_S = 0.05
T = TypeVar("T")

MAX_FEE_WEI = 10**12
TIP_WEI = 10**9


def chandlery(*words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """Run a command of the console script."""
    command = [sys.executable, "-m", "node", *words]
    return subprocess.run(command, capture_output=True, text=True, check=check)


def wait_until(probe: Callable[[], T | None], what: str, within_s: float) -> T:
    """The first true answer of the probe; fails with `what` at the deadline."""
    deadline = time.monotonic() + within_s
    while True:
        answer = probe()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        asyncio.run(asyncio.sleep(POLL_S))  # a poll of another process, bounded above


class Cluster:
    """A network directory with running nodes."""

    def __init__(self, directory: Path, validators: int = 4, chain_id: int = 7101):
        self.directory = directory
        self.chain_id = chain_id
        chandlery(
            *("network", "up", str(directory), "--validators", str(validators)),
            *("--rpc-port", "0", "--p2p-port", "0", "--chain-id", str(chain_id)),
        )
        descriptor = json.loads((directory / "descriptor.json").read_text())
        self.urls = [endpoint["url"] for endpoint in descriptor["endpoints"]]
        self.names = [endpoint["component"] for endpoint in descriptor["endpoints"]]
        rows = json.loads((directory / "accounts.json").read_text())
        self.accounts: list[LocalAccount] = [
            Account.from_key(row["private_key"]) for row in rows
        ]
        self.nodes = [Web3(Web3.HTTPProvider(url)) for url in self.urls]

    def down(self) -> None:
        """Stop all nodes."""
        chandlery("network", "down", str(self.directory))

    def fault(self, op: str, name: str) -> None:
        """kill, pause, resume or restart."""
        chandlery("fault", str(self.directory), op, name)

    def height(self, at: int) -> int | None:
        """Head of a node; None when it does not answer."""
        try:
            return self.nodes[at].eth.block_number
        except OSError:
            return None

    def status(self, at: int) -> dict[str, Any]:
        """`chandlery status URL --json`."""
        answer: dict[str, Any] = json.loads(
            chandlery("status", self.urls[at], "--json").stdout
        )
        return answer

    def wait_for_height(self, height: int, nodes: Sequence[int] | None = None) -> None:
        """Until the nodes have reached the height."""
        for at in range(len(self.nodes)) if nodes is None else nodes:
            wait_until(
                lambda at=at: (self.height(at) or 0) >= height,  # type: ignore[misc]
                f"{self.names[at]} at height {height}",
                DEADLINE_S,
            )

    def transfer(self, sender: LocalAccount, nonce: int, value: int = 1) -> bytes:
        """A signed transfer."""
        return self.sign(sender, {"to": "0x" + "11" * 20, "value": value}, nonce)

    def sign(self, sender: LocalAccount, fields: dict[str, Any], nonce: int) -> bytes:
        """A signed transaction with generous fees."""
        transaction = {
            "nonce": nonce,
            "gas": 21_000,
            "chainId": self.chain_id,
            "maxFeePerGas": MAX_FEE_WEI,
            "maxPriorityFeePerGas": TIP_WEI,
            **fields,
        }
        return bytes(sender.sign_transaction(transaction).raw_transaction)

    def assert_agreement(self) -> int:
        """Every node has the same hash at every height all have; returns the height."""
        heights = [node.eth.block_number for node in self.nodes]
        for height in range(min(heights) + 1):
            hashes = {node.eth.get_block(height)["hash"] for node in self.nodes}
            assert len(hashes) == 1, f"nodes disagree at height {height}"
        return min(heights)
