"""One validator process of a test's network."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections import deque
from typing import Any

from node.networks.layout import NodePlace
from node.testing.waiting import wait_until

REQUEST_TIMEOUT_S = 2.0
STOP_TIMEOUT_S = 10.0
LOG_TAIL_LINES = 5


class NetworkFailed(Exception):
    """A validator did not start; ends with its last log lines."""


class Validator:
    """A node directory and, most of the time, the process that runs it."""

    def __init__(self, place: NodePlace) -> None:
        self.name = place.name
        self.url = place.rpc_url
        self.address = "0x" + place.address.hex()
        self._place = place
        self._log = place.directory / "logs" / "node.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._is_paused = False

    # -- the process

    def start(self, is_liar: bool = False) -> None:
        """Run it, unless it runs; as a liar it signs contradictions."""
        if self.is_running:
            return
        self._forget()
        how = ["node.testing.liar"] if is_liar else ["node", "start"]
        # However the tests end, it ends with them.
        command = [sys.executable, "-m", "node.testing.tied", *how]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, str(self._place.directory)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )

    @property
    def is_running(self) -> bool:
        """Whether there is a process, paused or not."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._is_paused = False
            self._forget()

    def pause(self) -> None:
        """SIGSTOP."""
        self._signal(signal.SIGSTOP)
        self._is_paused = True

    def resume(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)
        self._is_paused = False

    def ask_to_end(self) -> None:
        """SIGTERM, without waiting for what comes of it."""
        if self._process is not None:
            if self._is_paused:
                self.kill()
            self._process.terminate()

    def end(self) -> None:
        """SIGTERM, and SIGKILL for one that does not hear."""
        self.ask_to_end()
        if self._process is None:
            return
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._forget()

    def _forget(self) -> None:
        """Let go of the pipe to a process that has ended."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None or self._process.poll() is not None:
            raise NetworkFailed(f"{self.name} is not running: restart it first")
        os.kill(self._process.pid, number)

    # -- what it answers

    def request(self, method: str, *params: Any) -> Any:
        """The result of a JSON-RPC method. Raises OSError, and RuntimeError for an
        error answer."""
        body = json.dumps(
            {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        ).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url, body, headers)
        with urllib.request.urlopen(request, timeout=REQUEST_TIMEOUT_S) as response:
            answer = json.load(response)
        if "error" in answer:
            raise RuntimeError(f"{self.name}: {answer['error']['message']}")
        return answer["result"]

    def height(self) -> int | None:
        """The newest final block; None when it does not answer."""
        if self._is_paused or not self.is_running:
            return None
        try:
            return int(self.request("eth_blockNumber"), 16)
        except OSError:
            return None

    def evidence(self) -> list[dict[str, Any]]:
        """What it can prove of others' misbehaviour."""
        found: list[dict[str, Any]] = self.request("qbft_getEvidence")
        return found

    def has_height(self, height: int) -> bool:
        """Whether its head is there or above. Raises NetworkFailed for one that does
        not run: waiting for it would be in vain."""
        if not self.is_running:
            raise NetworkFailed(f"{self.name} is not running: restart it first")
        found = self.height()
        return found is not None and found >= height

    def status(self) -> dict[str, Any] | None:
        """What `qbft_status` says; None when it does not answer."""
        if self._is_paused or not self.is_running:
            return None
        try:
            found: dict[str, Any] = self.request("qbft_status")
            return found
        except OSError:
            return None

    def block_hash(self, height: int) -> str | None:
        """Of a final block."""
        block = self.request("eth_getBlockByNumber", hex(height), False)
        return None if block is None else str(block["hash"])

    def wait_until_answering(self, within_s: float) -> None:
        """Raises NetworkFailed when the process ended, TimeoutError."""

        def probe() -> bool:
            if not self.is_running:
                tail = "\n".join(self._tail(LOG_TAIL_LINES))
                raise NetworkFailed(f"{self.name} ended:\n{tail}")
            return self.height() is not None

        wait_until(probe, f"{self.name} answers", within_s)

    def describe(self) -> str:
        """Height, round, who is missing; the end of the log."""
        if not self.is_running:
            code = None if self._process is None else self._process.returncode
            return f"{self.name} {self.address}: not running (exit code {code})"
        if self._is_paused:
            return f"{self.name} {self.address}: paused"
        status = self.status()
        if status is None:
            text = f"{self.name} {self.address}: does not answer"
        else:
            consensus = json.dumps(status["consensus"], indent=1)
            peers = len(status["peers"])
            text = (
                f"{self.name} {self.address}: height {status['head']['height']}, "
                f"{peers} peers, consensus {consensus}"
            )
        return "\n".join([text, *("  " + line for line in self._tail(LOG_TAIL_LINES))])

    def _tail(self, lines: int) -> list[str]:
        try:
            with self._log.open(errors="replace") as log:
                return [line.rstrip() for line in deque(log, lines)]
        except OSError:
            return []
