"""The synthetic target's supervisor: one server process and a control socket.

It speaks the same protocol as the worlds' supervisors, with one component, "server".
`python -m bench.synthetic DIR [TRUTH_JSON]` runs it in the foreground until SIGTERM,
SIGINT or `shutdown`, and writes DIR/descriptor.json once the server answers.
"""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from bench.faults.cgroups import entering
from bench.synthetic.truth import Truth

READY_TIMEOUT_S = 30.0


class Supervisor:
    """Parent of the one server."""

    def __init__(self, folder: Path, truth: Truth) -> None:
        self.folder = folder
        self.port = free_port()
        self._truth = truth
        self._process: asyncio.subprocess.Process | None = None
        self._restarts = -1
        self._cpu_before_s = 0.0
        self._cpu_now_s = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self.done = asyncio.Event()

    async def start_server(self) -> None:
        """Start the server and wait until it accepts connections."""
        config = self.folder / "server.json"
        config.write_text(
            json.dumps(
                {
                    "folder": str(self.folder),
                    "port": self.port,
                    "truth": {
                        name: getattr(self._truth, name) for name in Truth.__slots__
                    },
                }
            )
        )
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bench.synthetic.server",
            str(config),
            preexec_fn=entering("server"),
        )
        self._restarts += 1
        async with asyncio.timeout(READY_TIMEOUT_S):
            while not await _accepts(self.port):
                if self._process.returncode is not None:
                    raise RuntimeError(f"the server ended: {self._process.returncode}")
                await asyncio.sleep(0.02)

    async def stop_server(self, number: int) -> None:
        """Send the signal and reap."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        self._meter()
        self._cpu_before_s, self._cpu_now_s = self._cpu_before_s + self._cpu_now_s, 0.0
        process.send_signal(number)
        await process.wait()

    async def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        """Carry out one control request."""
        op = request.get("op")
        if op == "list":
            return {"components": [self._describe()]}
        if op == "kill":
            await self.stop_server(signal.SIGKILL)
            after_s = request.get("restart_after_s")
            if after_s is None or after_s >= 0:
                self._later(float(after_s if after_s is not None else 1.0))
            return {}
        if op in ("pause", "resume"):
            assert self._process is not None
            self._process.send_signal(
                signal.SIGSTOP if op == "pause" else signal.SIGCONT
            )
            return {}
        if op == "restart":
            await self.stop_server(signal.SIGTERM)
            await self.start_server()
            return {}
        if op == "shutdown":
            self.done.set()
            return {}
        raise ValueError(f"there is no operation '{op}'")

    async def close(self) -> None:
        """End everything this supervisor started."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.stop_server(signal.SIGKILL)

    def _later(self, after_s: float) -> None:
        async def restart() -> None:
            await asyncio.sleep(after_s)
            await self.start_server()

        task = asyncio.create_task(restart())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _meter(self) -> float:
        """Resident bytes now; CPU seconds are noted on the way."""
        if self._process is None or self._process.returncode is not None:
            return 0.0
        with suppress(psutil.Error):
            process = psutil.Process(self._process.pid)
            times = process.cpu_times()
            self._cpu_now_s = times.user + times.system
            return float(process.memory_info().rss)
        return 0.0

    def _describe(self) -> dict[str, Any]:
        resident = self._meter()
        process = self._process
        running = process is not None and process.returncode is None
        code = None if process is None else process.returncode
        return {
            "name": "server",
            "role": "server",
            "state": "running" if running else "dead",
            "pid": process.pid if running and process is not None else None,
            "restarts": max(0, self._restarts),
            "cpu_seconds": self._cpu_before_s + self._cpu_now_s,
            "rss_bytes": int(resident),
            "read_bytes": 0,
            "write_bytes": 0,
            "exit": None if running or code is None else f"signal {-code}",
            "uptime_s": 0.0,
        }


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True


async def serve(folder: Path, truth: Truth) -> None:
    """Run the target until it is told to stop."""
    supervisor = Supervisor(folder, truth)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, supervisor.done.set)

    async def client(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with suppress(ConnectionError, asyncio.CancelledError):
            while line := await reader.readline():
                request = json.loads(line)
                try:
                    answer = {"ok": True, **await supervisor.handle(request)}
                except (ValueError, RuntimeError) as error:
                    answer = {"ok": False, "error": str(error)}
                answer["id"] = request.get("id")
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        writer.close()

    path = folder / "control.sock"
    server = await asyncio.start_unix_server(client, str(path))
    try:
        await supervisor.start_server()
        _write_descriptor(folder, supervisor.port, path)
        await supervisor.done.wait()
    finally:
        server.close()
        await supervisor.close()
        (folder / "descriptor.json").unlink(missing_ok=True)
        path.unlink(missing_ok=True)


def _write_descriptor(folder: Path, port: int, control: Path) -> None:
    descriptor = {
        "schema": 1,
        "world": "central",
        "rung": "synthetic",
        "endpoints": [
            {
                "url": f"http://127.0.0.1:{port}",
                "protocol": "http",
                "component": "server",
            }
        ],
        "control": str(control),
        "components": [{"name": "server", "role": "server"}],
        "links": [],
        "durability": "appended to a file of the page cache: survives a dead process",
        "software": {"python": sys.version.split()[0], "started": str(time.time())},
    }
    partial = folder / "descriptor.json.partial"
    partial.write_text(json.dumps(descriptor))
    os.replace(partial, folder / "descriptor.json")
