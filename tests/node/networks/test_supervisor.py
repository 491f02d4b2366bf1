"""The supervisor with real processes: policy of restarts, control socket, clean end."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from node.networks.control import ControlError, call_control
from node.networks.process import ManagedProcess
from node.networks.supervisor import CONTROL_SOCKET, Supervisor

DEADLINE_S = 20.0
SLEEPER = "import signal; signal.pause()"


def process(directory: Path, name: str, program: str = SLEEPER) -> ManagedProcess:
    return ManagedProcess(
        name, "validator", [sys.executable, "-c", program], directory / f"{name}.log"
    )


class Running:
    """A supervisor in this loop, and a client that talks to it from a thread."""

    def __init__(self, directory: Path, *processes: ManagedProcess) -> None:
        self.said: list[str] = []
        self.socket = directory / CONTROL_SOCKET
        self.supervisor = Supervisor(directory, list(processes), self.said.append)
        self._ready = asyncio.Event()
        self.task = asyncio.create_task(self.supervisor.run(self._ready.set))

    async def ready(self) -> None:
        await asyncio.wait_for(self._ready.wait(), DEADLINE_S)

    async def call(self, op: str, **arguments: Any) -> dict[str, Any]:
        return await asyncio.to_thread(call_control, self.socket, op, **arguments)

    async def row(self, name: str) -> dict[str, Any]:
        rows = (await self.call("list"))["components"]
        return next(row for row in rows if row["name"] == name)

    async def until(
        self, name: str, is_true: Callable[[dict[str, Any]], bool]
    ) -> dict[str, Any]:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                row = await self.row(name)
                if is_true(row):
                    return row


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    made = Running(tmp_path, process(tmp_path, "node1"), process(tmp_path, "node2"))
    await made.ready()
    for name in ("node1", "node2"):
        await made.until(name, lambda row: row["pid"] is not None)
    yield made
    made.supervisor.stop()
    await asyncio.wait_for(made.task, DEADLINE_S)


async def test_stopping_ends_every_process_and_says_which(running: Running) -> None:
    pids = [(await running.row(name))["pid"] for name in ("node1", "node2")]
    await running.call("shutdown")
    await asyncio.wait_for(running.task, DEADLINE_S)
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert running.said[-1] == "stopped: node1, node2"
    assert not running.socket.exists()


async def test_a_killed_node_stays_down_until_restart(running: Running) -> None:
    await running.call("kill", component="node1")
    row = await running.until("node1", lambda row: row["state"] == "dead")
    assert row["exit"] == "signal 9"
    await running.call("restart", component="node1")
    row = await running.until("node1", lambda row: row["state"] == "running")
    assert row["restarts"] == 1


async def test_a_kill_may_name_when_to_restart(running: Running) -> None:
    before = (await running.row("node1"))["pid"]
    await running.call("kill", component="node1", restart_after_s=0)
    await running.until("node1", lambda row: row["pid"] not in (None, before))


async def test_a_kill_from_outside_stays_down_too(running: Running) -> None:
    os.kill((await running.row("node2"))["pid"], signal.SIGKILL)
    await running.until("node2", lambda row: row["state"] == "dead")
    assert (await running.row("node1"))["state"] == "running"


async def test_a_paused_node_is_stopped_and_goes_on(running: Running) -> None:
    pid = (await running.row("node1"))["pid"]
    await running.call("pause", component="node1")
    assert (await running.row("node1"))["state"] == "paused"
    assert psutil.Process(pid).status() == psutil.STATUS_STOPPED
    await running.call("resume", component="node1")
    assert (await running.row("node1"))["state"] == "running"


async def test_a_paused_node_can_be_killed(running: Running) -> None:
    await running.call("pause", component="node1")
    await running.call("kill", component="node1")
    await running.until("node1", lambda row: row["state"] == "dead")


async def test_wrong_requests_are_refused_with_what_is_known(running: Running) -> None:
    with pytest.raises(ControlError, match="there are: node1, node2"):
        await running.call("kill", component="node9")
    with pytest.raises(ControlError, match="unknown op 'dance'"):
        await running.call("dance")


async def test_one_directory_has_one_supervisor(running: Running) -> None:
    second = Running(running.socket.parent, process(running.socket.parent, "node1"))
    with pytest.raises(ControlError, match="another supervisor runs"):
        await asyncio.wait_for(second.task, DEADLINE_S)


async def test_a_crash_is_restarted_and_its_cost_is_kept(tmp_path: Path) -> None:
    marker = tmp_path / "crashed"
    program = (
        "import pathlib, signal, sys\n"
        "sum(range(3_000_000))\n"
        f"marker = pathlib.Path({str(marker)!r})\n"
        "if not marker.exists():\n"
        "    marker.touch(); sys.exit(70)\n"
        "signal.pause()\n"
    )
    made = Running(tmp_path, process(tmp_path, "node1", program))
    await made.ready()
    row = await made.until("node1", lambda row: row["restarts"] == 1)
    assert row["state"] == "running"
    made.supervisor.stop()
    await asyncio.wait_for(made.task, DEADLINE_S)


async def test_disk_bytes_are_not_more_than_what_was_written(tmp_path: Path) -> None:
    program = (
        "import os, signal\n"
        f"with open({str(tmp_path / 'log')!r}, 'wb', 0) as file:\n"
        "    for _ in range(4):\n"
        "        file.write(b'x' * 1000); os.fsync(file.fileno())\n"
        f"os.rename({str(tmp_path / 'log')!r}, {str(tmp_path / 'written')!r})\n"
        "signal.pause()\n"
    )
    made = Running(tmp_path, process(tmp_path, "node1", program))
    await made.ready()
    row = await made.until("node1", lambda _: (tmp_path / "written").exists())
    few = 4096  # of whatever a process writes beside its files, to pipes for one
    assert (await made.row("node1"))["write_bytes"] <= 4000 + few, row
    made.supervisor.stop()
    await asyncio.wait_for(made.task, DEADLINE_S)


async def test_a_refusal_is_not_restarted(tmp_path: Path) -> None:
    made = Running(tmp_path, process(tmp_path, "node1", "import sys; sys.exit(3)"))
    await made.ready()
    row = await made.until("node1", lambda row: row["state"] == "dead")
    assert (row["exit"], row["restarts"]) == ("code 3", 0)
    made.supervisor.stop()
    await asyncio.wait_for(made.task, DEADLINE_S)


async def test_a_node_ends_when_its_supervisor_is_killed(tmp_path: Path) -> None:
    program = (
        "import asyncio, pathlib, sys\n"
        "from node.networks.process import ManagedProcess\n"
        "from node.networks.supervisor import Supervisor\n"
        f"directory = pathlib.Path({str(tmp_path)!r})\n"
        f"command = [sys.executable, '-c', {SLEEPER!r}]\n"
        "child = ManagedProcess('node1', 'validator', command, directory / 'log')\n"
        "supervisor = Supervisor(directory, [child], print)\n"
        "asyncio.run(supervisor.run(lambda: None))\n"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    socket = tmp_path / CONTROL_SOCKET
    pid = None
    async with asyncio.timeout(DEADLINE_S):
        while pid is None:
            try:
                answer = await asyncio.to_thread(call_control, socket, "list")
                pid = answer["components"][0]["pid"]
            except ControlError:
                await asyncio.sleep(0)
        parent.kill()
        await parent.wait()
        with contextlib.suppress(psutil.NoSuchProcess):
            await asyncio.to_thread(psutil.Process(pid).wait, DEADLINE_S)


def test_without_a_supervisor_the_error_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="chandlery network up"):
        call_control(tmp_path / CONTROL_SOCKET, "list")
