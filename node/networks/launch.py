"""Starting a network's supervisor, in the foreground or behind, and ending it."""

import asyncio
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from node.networks.control import ControlError, call_control
from node.networks.layout import NetworkError, NodePlace
from node.networks.process import ManagedProcess
from node.networks.supervisor import CONTROL_SOCKET, Supervisor

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
POLL_S = 0.1
LOG_TAIL_LINES = 12


def run_foreground(
    directory: Path, places: Sequence[NodePlace], keep_alive: bool
) -> None:
    """Supervise until SIGINT or SIGTERM; every node is a child of this process."""
    supervisor = Supervisor(directory, _processes(places), _say)

    def ready() -> None:
        for place in places:
            _say(f"{place.name}: JSON-RPC at {place.rpc_url}")
        _say(f"Ctrl-C stops all; `chandlery network status {directory}` looks at them")

    asyncio.run(supervisor.run(ready, keep_alive))


def start_background(
    directory: Path, places: Sequence[NodePlace], keep_alive: bool
) -> None:
    """Leave a supervisor behind; returns when every node answers JSON-RPC.

    Raises NetworkError with the end of the log of what failed.
    """
    if _is_running(directory):
        raise NetworkError(
            f"the network in {directory} is running; stop it with "
            f"`chandlery network down {directory}`"
        )
    command = [sys.executable, "-m", "node", "network", "up", str(directory)]
    command += ["--foreground"] + (["--keep-alive"] if keep_alive else [])
    log_path = directory / "supervisor.log"
    with log_path.open("ab") as log:
        supervisor = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _wait_until_answering(directory, places, supervisor)
    except BaseException:
        supervisor.terminate()
        supervisor.wait(STOP_TIMEOUT_S)
        raise


def stop_background(directory: Path) -> list[str]:
    """Stop the supervisor and with it every node; returns whom. Raises ControlError."""
    socket = directory / CONTROL_SOCKET
    rows = call_control(socket, "list")["components"]
    running = [row["name"] for row in rows if row["pid"] is not None]
    call_control(socket, "shutdown")
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while socket.exists():
        if time.monotonic() > deadline:
            raise ControlError(
                f"the supervisor of {directory} does not end; see supervisor.log there"
            )
        time.sleep(POLL_S)
    return running


def _processes(places: Sequence[NodePlace]) -> list[ManagedProcess]:
    return [
        ManagedProcess(
            name=place.name,
            role="validator",
            command=[sys.executable, "-m", "node", "start", str(place.directory)],
            log_path=place.directory / "logs" / "node.log",
            environment={"PYTHONUNBUFFERED": "1"},
        )
        for place in places
    ]


def _is_running(directory: Path) -> bool:
    try:
        call_control(directory / CONTROL_SOCKET, "list")
    except ControlError:
        return False
    return True


def _wait_until_answering(
    directory: Path, places: Sequence[NodePlace], supervisor: "subprocess.Popen[bytes]"
) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    waiting = list(places)
    while waiting:
        waiting = [place for place in waiting if not _answers(place.rpc_url)]
        if supervisor.poll() is not None:
            tail = _tail(directory / "supervisor.log")
            raise NetworkError(f"the supervisor ended:\n{tail}")
        _raise_if_a_node_refused(directory, waiting)
        if waiting and time.monotonic() > deadline:
            tail = _tail(waiting[0].directory / "logs" / "node.log")
            raise NetworkError(f"{waiting[0].name} does not answer:\n{tail}")
        time.sleep(POLL_S)


def _raise_if_a_node_refused(directory: Path, waiting: Sequence[NodePlace]) -> None:
    try:
        rows = call_control(directory / CONTROL_SOCKET, "list")["components"]
    except ControlError:
        return  # not listening yet
    ended = {row["name"] for row in rows if row["state"] == "dead"}
    for place in waiting:
        if place.name in ended:
            tail = _tail(place.directory / "logs" / "node.log")
            raise NetworkError(f"{place.name} ended:\n{tail}")


def _answers(url: str) -> bool:
    body = b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}'
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=1) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _tail(path: Path) -> str:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return f"({path} cannot be read)"
    return "\n".join(lines[-LOG_TAIL_LINES:])


def _say(line: str) -> None:
    print(line, flush=True)
