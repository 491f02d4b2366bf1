"""Chains as clients meet them: the dev chain as a process of its own, validators."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from node.testing.network import QbftNetwork

READY = "Listening on "


@contextlib.contextmanager
def dev_process(*arguments: str) -> Iterator[str]:
    """`chandlery dev` on a free port; its URL."""
    command = [sys.executable, "-m", "node", "dev", "--port", "0", "--quiet"]
    process = subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield _url(iter(process.stdout.readline, ""))
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


@contextlib.contextmanager
def validators(directory: Path, count: int = 4) -> Iterator[str]:
    """A network with the dev chain's accounts; the URL of its first validator."""
    network = QbftNetwork(directory, count, 1, {})
    try:
        network.start()
        yield network.nodes[0].url
    finally:
        network.stop()


def _url(lines: Iterator[str]) -> str:
    said = []
    for line in lines:
        said.append(line)
        if line.startswith(READY):
            return line.removeprefix(READY).strip()
    raise AssertionError("the dev chain ended: " + "".join(said))


def websocket_of(url: str) -> str:
    """The same port's WebSocket."""
    return "ws" + url.removeprefix("http")
