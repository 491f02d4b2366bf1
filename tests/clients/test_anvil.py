"""The same sequence of dev methods gives the same answers as anvil.

Answers are made comparable (`sequences.comparable`); of an error only that it is one
counts, for our words are geth's. Needs the binary: on the path, or in the folder
CHANDLERY_FOUNDRY.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from node.testing.waiting import wait_until
from tests.clients.chains import dev_process
from tests.clients.sequences import SEQUENCES, Earlier, Step, comparable

WITHIN_S = 20.0


@contextlib.contextmanager
def anvil_process() -> Iterator[str]:
    """anvil on a free port; its URL."""
    folder = os.environ.get("CHANDLERY_FOUNDRY")
    binary = shutil.which("anvil", path=folder)
    if binary is None:
        pytest.skip("anvil is neither on the path nor in CHANDLERY_FOUNDRY")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [binary, "--port", str(port), "--hardfork", "prague", "--silent"]
    process = subprocess.Popen(command)
    url = f"http://127.0.0.1:{port}"

    def is_ready() -> bool:
        try:
            return "result" in ask(url, "eth_chainId", [])
        except OSError:
            return False

    try:
        wait_until(is_ready, "anvil answers", WITHIN_S)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def ask(url: str, method: str, params: Sequence[Any]) -> dict[str, Any]:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=WITHIN_S) as response:
        answer: dict[str, Any] = json.load(response)
        return answer


def play(url: str, steps: Sequence[Step]) -> list[Any]:
    """The comparable answers."""
    answers: list[dict[str, Any]] = []
    for method, params in steps:
        given = [
            answers[p.step].get("result") if isinstance(p, Earlier) else p
            for p in params
        ]
        answers.append(ask(url, method, given))
        if method == "eth_sendTransaction":
            wait_until(lambda: is_sealed(url), "the transaction is sealed", WITHIN_S)
    return [
        "error" if "error" in answer else comparable(answer["result"])
        for answer in answers
    ]


def is_sealed(url: str) -> bool:
    """Whether nothing waits that automine would seal; anvil answers before it did."""
    if not ask(url, "anvil_getAutomine", [])["result"]:
        return True
    return bool(ask(url, "txpool_status", [])["result"]["pending"] == "0x0")


@pytest.fixture(scope="module")
def urls() -> Iterator[tuple[str, str]]:
    with anvil_process() as theirs, dev_process("--compat", "anvil") as ours:
        yield ours, theirs


@pytest.mark.parametrize("name", SEQUENCES)
def test_a_sequence_has_the_answers_of_anvil(urls: tuple[str, str], name: str) -> None:
    ours, theirs = urls
    for url in urls:
        ask(url, "anvil_reset", [])
        ask(url, "evm_setAutomine", [True])
        ask(url, "anvil_setChainId", [31_337])
        ask(url, "evm_setBlockGasLimit", [hex(30_000_000)])
    steps = SEQUENCES[name]
    played = zip(steps, play(ours, steps), play(theirs, steps), strict=True)
    different = [
        f"{method} {params}: ours {a}, anvil's {b}"
        for (method, params), a, b in played
        if a != b
    ]
    assert different == []
