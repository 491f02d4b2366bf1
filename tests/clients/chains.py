"""A dev chain as a process of its own, as `chandlery dev` users have it."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator

READY = "Listening on "


@contextlib.contextmanager
def dev_process(*arguments: str) -> Iterator[str]:
    """`chandlery dev` on a free port; its URL."""
    command = [
        sys.executable,
        "-m",
        "node",
        "dev",
        "--executor",
        "pyevm",
        "--port",
        "0",
        "--quiet",
    ]
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
