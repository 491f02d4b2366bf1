"""A network of one validator in a process of its own, started through a small program.

The program may change things in that process before the node starts in it.
"""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from node.chain.genesis import ConsensusConfig
from node.networks.layout import NetworkPlan, NodePlace, create_network
from node.testing.waiting import wait_until
from tests.node.execution.signing import CHAIN_ID, Draft, address_of, key_of

START_S = 60.0
SETTLED_S = 30.0
ANSWER_S = 10.0
RUN = "\nimport sys\nfrom node.cli.main import main\nsys.exit(main())\n"


class OneNode:
    """`alice` and `bob` (`signing.key_of`) own something; `log` is all it printed."""

    def __init__(self, directory: Path, settings: Mapping[str, Any]) -> None:
        plan = NetworkPlan(
            validators=1,
            chain_id=CHAIN_ID,
            rpc_port=0,
            p2p_port=0,
            account_keys=(key_of("alice"), key_of("bob")),
            consensus=ConsensusConfig(empty_block_period_ms=60_000),
            settings={"log.format": "json", **settings},
        )
        self.place: NodePlace = create_network(directory, plan)[0]
        self.process: subprocess.Popen[bytes] | None = None
        self._log = directory / "node.log"

    def start(self, *words: str, before: str = "") -> None:
        """Run `before`, then the node; returns when it answers."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command(words, before),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_until(self._is_answering, "the node answers", START_S)

    def run(self, *words: str, before: str = "") -> "subprocess.CompletedProcess[str]":
        """The same until it ends by itself; both outputs are in `stdout`."""
        return subprocess.run(
            self._command(words, before),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SETTLED_S,
            check=False,
        )

    def _command(self, words: Sequence[str], before: str) -> list[str]:
        program = [sys.executable, "-c", before + RUN]
        return [*program, "start", str(self.place.directory), *words]

    def _is_answering(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log
        try:
            return bool(self.ask("eth_chainId") == hex(CHAIN_ID))
        except OSError:
            return False

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(SETTLED_S)

    def end(self) -> None:
        """Leave no process behind."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @property
    def log(self) -> str:
        return self._log.read_text()

    def answer(self, method: str, *params: Any) -> dict[str, Any]:
        """The whole answer to a JSON-RPC request. Raises OSError."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        request = urllib.request.Request(
            self.place.rpc_url,
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=ANSWER_S) as answered:
            return dict(json.loads(answered.read()))

    def ask(self, method: str, *params: Any) -> Any:
        """The result of a JSON-RPC request; fails with its error."""
        answer = self.answer(method, *params)
        assert "error" not in answer, answer
        return answer["result"]

    def send(self, to: bytes = b"", **fields: Any) -> str:
        """A transaction of alice's; its hash."""
        alice = "0x" + address_of("alice").hex()
        nonce = int(self.ask("eth_getTransactionCount", alice, "pending"), 16)
        draft = Draft(to, nonce, max_fee=10**12, **fields)
        raw = "0x" + draft.sign("alice").hex()
        return str(self.ask("eth_sendRawTransaction", raw))

    def receipt(self, digest: str) -> dict[str, Any]:
        """Waits for it."""
        return dict(
            wait_until(
                lambda: self.ask("eth_getTransactionReceipt", digest),
                f"the receipt of {digest}",
                SETTLED_S,
            )
        )

    def pay(self, wei: int = 1) -> int:
        """Alice pays bob; the height of the block that has it."""
        receipt = self.receipt(self.send(address_of("bob"), value=wei, gas=21_000))
        assert receipt["status"] == "0x1"
        return int(receipt["blockNumber"], 16)
