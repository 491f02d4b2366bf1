"""The parent of a local network's nodes: keeps them, breaks them on request, ends them.

Restart policy: a node that crashed is started again after RESTART_DELAY_S; one that
was killed by SIGKILL stays down (somebody meant it) unless the request said when to
restart; one that refused to run (exit 2, usage, 3, safety, or 4, storage) is never
restarted, because the cause is still there and its message is in the log.
"""

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from node.networks.control import ControlError, serve_control
from node.networks.process import ManagedProcess

RESTART_DELAY_S = 1.0
MAX_CRASHES_IN_A_ROW = 5
STEADY_AFTER_S = 30.0
REFUSALS = (2, 3, 4)
CONTROL_SOCKET = "control.sock"

Say = Callable[[str], None]


class Supervisor:
    """Runs the processes until `stop` is called or a shutdown is asked for."""

    def __init__(
        self, directory: Path, processes: list[ManagedProcess], say: Say
    ) -> None:
        self._directory = directory
        self._processes = {process.name: process for process in processes}
        self._say = say
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._restart_after: dict[str, float] = {}
        self._wanted: dict[str, asyncio.Event] = {}
        self._stopping = asyncio.Event()
        self._keep_alive = False

    async def run(self, ready: Callable[[], None], keep_alive: bool = False) -> None:
        """Start all, call `ready`, serve the control socket, end all at the end."""
        self._keep_alive = keep_alive
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)
        server = await serve_control(self._directory / CONTROL_SOCKET, self._handle)
        try:
            for name in self._processes:
                self._wanted[name] = asyncio.Event()
                self._wanted[name].set()
                self._keepers[name] = asyncio.create_task(self._keep(name))
            ready()
            await self._stopping.wait()
        finally:
            server.close()
            await self._stop_all()
            (self._directory / CONTROL_SOCKET).unlink(missing_ok=True)

    def stop(self) -> None:
        """End all processes and `run`."""
        self._stopping.set()

    async def _stop_all(self) -> None:
        for keeper in self._keepers.values():
            keeper.cancel()
        await asyncio.gather(*self._keepers.values(), return_exceptions=True)
        alive = [p for p in self._processes.values() if p.pid is not None]
        await asyncio.gather(*(process.stop() for process in alive))
        names = ", ".join(process.name for process in alive) or "nothing was running"
        self._say(f"stopped: {names}")

    async def _keep(self, name: str) -> None:
        """Start the process whenever it is wanted, and again by the policy."""
        process = self._processes[name]
        crashes = 0
        while True:
            await self._wanted[name].wait()
            await process.start()
            self._say(f"{name}: started, pid {process.pid}")
            await process.wait()
            steady = time.monotonic() - process.started_at > STEADY_AFTER_S
            crashes = 1 if steady else crashes + 1
            delay = self._delay_after_exit(process, crashes)
            if delay is None:
                self._wanted[name].clear()
                self._say(f"{name}: ended ({process.exit}), stays down; {_hint(name)}")
            else:
                self._say(f"{name}: ended ({process.exit}), again in {delay:g} s")
                await asyncio.sleep(delay)

    def _delay_after_exit(self, process: ManagedProcess, crashes: int) -> float | None:
        """Seconds until the restart, or None when it stays down."""
        asked = self._restart_after.pop(process.name, None)
        if asked is not None:
            return asked if asked >= 0 else None
        if process.exit_code in REFUSALS or crashes > MAX_CRASHES_IN_A_ROW:
            return None
        if process.exit_code in (0, -signal.SIGKILL) and not self._keep_alive:
            return None
        return RESTART_DELAY_S

    async def _handle(self, request: dict[str, Any]) -> dict[str, Any]:
        op = request.get("op")
        if op == "list":
            rows = [process.describe() for process in self._processes.values()]
            return {"components": rows}
        if op == "shutdown":
            self.stop()
            return {}
        if op not in {"kill", "pause", "resume", "restart"}:
            raise ControlError(
                f"unknown op {op!r}: list, kill, pause, resume, restart, shutdown"
            )
        process = self._named(request)
        if op == "restart":
            await self._restart(process)
        elif process.pid is None:
            raise ControlError(f"{process.name} is not running; restart it first")
        elif op == "kill":
            after = request.get("restart_after_s")
            if after is not None:
                self._restart_after[process.name] = float(after)
            process.kill()
        elif op == "pause":
            await process.pause()
        else:
            process.resume()
        return {"component": process.name}

    async def _restart(self, process: ManagedProcess) -> None:
        if process.pid is not None:
            self._restart_after[process.name] = 0.0
            await process.stop()
        else:
            self._wanted[process.name].set()

    def _named(self, request: dict[str, Any]) -> ManagedProcess:
        name = request.get("component")
        if name not in self._processes:
            known = ", ".join(self._processes)
            raise ControlError(f"no component {name!r}; there are: {known}")
        return self._processes[name]


def _hint(name: str) -> str:
    return f"see logs/ of {name}, start it with the control op `restart`"
