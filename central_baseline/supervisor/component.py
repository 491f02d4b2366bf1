"""One failure unit: servers that live and die together.

The promise: a component is running only while all its servers are; when one dies the
rest are killed with it, as if the machine had failed. A killed tree is gone, reaped,
its shared memory too, before the component counts as dead, so that a restart never
meets its ghosts.
States: stopped -> starting -> running <-> paused; any -> dead -> starting.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum

from central_baseline.errors import CentralError, StartError, UsageError
from central_baseline.supervisor.memory import Segments
from central_baseline.supervisor.meter import (
    MARK,
    Meter,
    is_stopped,
    program_of,
    read_table,
)
from central_baseline.supervisor.processes import (
    Child,
    Processes,
    component_cgroup,
    describe_exit,
)
from central_baseline.supervisor.server import Server

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 15.0
READY_POLL_S = 0.03  # at first; asking is work for who is asked, so ever more rarely
MAX_READY_POLL_S = 0.25
POLL_SLOWS_BY = 1.2
GONE_POLL_S = 0.01
PAUSE_POLL_S = 0.005
PAUSE_POLLS = 400
GONE_TIMEOUT_S = 20.0
LOG_TAIL = 1500  # characters shown when a server does not come up


OnDead = Callable[["Component"], None]


def _ignore(_: "Component") -> None:
    """Until somebody cares."""


class State(StrEnum):
    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    DEAD = "dead"


class Component:
    """Starts, stops, kills, pauses its servers, and notices when they die."""

    def __init__(self, name: str, role: str, servers: list[Server]) -> None:
        self.name = name
        self.role = role
        self.servers = servers
        self.state = State.STOPPED
        self.restarts = 0
        self.exit: str | None = None
        self.lived_s = 0.0  # how long it last ran before it died
        self.on_dead: OnDead = _ignore
        self._children: dict[str, Child] = {}
        self._started_at = 0.0
        self._changing = asyncio.Lock()

    def attach(self, processes: Processes, meter: Meter) -> None:
        """Give it its parent; called once, before anything else."""
        self._processes = processes
        self._meter = meter

    @property
    def pid(self) -> int | None:
        """Of its first server, None while nothing runs."""
        for server in self.servers:
            child = self._children.get(server.name)
            if child is not None:
                return child.pid
        return None

    @property
    def uptime_s(self) -> float:
        running = self.state in {State.RUNNING, State.PAUSED}
        return time.monotonic() - self._started_at if running else 0.0

    async def start(self) -> None:
        """Start all servers in order, each ready before the next; StartError."""
        async with self._changing:
            if self.state in {State.RUNNING, State.PAUSED}:
                return
            self.state = State.STARTING
            try:
                for server in self.servers:
                    await self._start_server(server)
            except Exception as error:
                # Whatever kept one server from starting, none may stay half up.
                await self._kill_tree()
                self._become_dead(f"did not start: {error}".splitlines()[0][:200])
                if isinstance(error, CentralError):
                    raise
                raise StartError(f"{self.name}: {error}") from error
            # One may have died while the next one started.
            if any(child.exited.done() for child in self._children.values()):
                await self._bury()
                raise StartError(f"{self.name}: a server died while starting")
            self.state = State.RUNNING
            self._started_at = time.monotonic()

    async def stop(self) -> None:
        """End in order, last started first; SIGKILL for what does not listen."""
        async with self._changing:
            was_paused = self.state is State.PAUSED
            self.state = State.STOPPED
            if was_paused:
                self._signal_tree(signal.SIGCONT)
            for server in reversed(self.servers):
                child = self._children.get(server.name)
                if child is not None:
                    await self._stop_child(child, server.stop_signal)
            await self._kill_tree()

    async def kill(self) -> None:
        """SIGKILL to every process of the component at once."""
        async with self._changing:
            if self.state in {State.STOPPED, State.DEAD}:
                return
            await self._kill_tree()
            self._become_dead("signal 9")

    def kill_process(self, program: str) -> int:
        """SIGKILL to the topmost processes of that program alone, such as `postgres`
        below its agent; returns their pid. UsageError when there is none."""
        pids = self._meter.tree(self.name)
        table = read_table()
        named = [pid for pid in pids if pid in table and program_of(pid) == program]
        tops = [pid for pid in named if table[pid].parent not in named]
        if not tops:
            raise UsageError(f"{self.name} runs no process '{program[:40]}'")
        os.kill(tops[0], signal.SIGKILL)
        return tops[0]

    async def pause(self) -> None:
        """SIGSTOP to every process: it holds its connections and does nothing.

        Returns when all have obeyed, which on a busy machine is not at once; one that
        waits for its disk may take longer than all polls and is not waited for.
        """
        if self.state is State.RUNNING:
            tree = self._meter.tree(self.name)
            _signal_all(tree, signal.SIGSTOP)
            self.state = State.PAUSED
            for _ in range(PAUSE_POLLS):
                if all(map(is_stopped, tree)):
                    break
                await asyncio.sleep(PAUSE_POLL_S)

    def resume(self) -> None:
        """SIGCONT to every process."""
        if self.state is State.PAUSED:
            self._signal_tree(signal.SIGCONT)
            self.state = State.RUNNING

    async def _start_server(self, server: Server) -> None:
        await server.prepare(self._processes.run)
        command = server.command()
        env = {**command.env, MARK: self._meter.mark(self.name)}
        cgroup = component_cgroup(self.name)
        child = self._processes.start(replace(command, env=env, cgroup=cgroup))
        self._meter.adopt(self.name, child.pid)
        self._children[server.name] = child
        child.exited.add_done_callback(lambda _: self._on_exit(child))
        # Some servers need longer than others: a database that recovers, an election.
        timeout_s = getattr(server, "start_timeout_s", START_TIMEOUT_S)
        deadline = time.monotonic() + timeout_s
        pause_s = READY_POLL_S
        while not await server.is_ready():
            if child.exited.done() or time.monotonic() > deadline:
                how = (
                    f"ended with {describe_exit(child.exited.result())}"
                    if child.exited.done()
                    else f"was not ready after {timeout_s:.0f} s"
                )
                tail = ""
                if command.log is not None and command.log.exists():
                    tail = command.log.read_text(errors="replace")[-LOG_TAIL:]
                raise StartError(
                    f"{self.name}: {server.name} at {server.address} {how}; "
                    f"log {command.log}:\n{tail.strip()}"
                )
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * POLL_SLOWS_BY, MAX_READY_POLL_S)
        await server.after_ready()

    def _on_exit(self, child: Child) -> None:
        """A server died: the component dies with it, unless somebody is at it."""
        if self._changing.locked() or self.state not in {State.RUNNING, State.PAUSED}:
            return
        self._burial = asyncio.get_running_loop().create_task(self._die(child))

    async def _die(self, child: Child) -> None:
        async with self._changing:
            if self.state in {State.RUNNING, State.PAUSED}:
                await self._bury()

    async def _bury(self) -> None:
        codes = [
            child.exited.result()
            for child in self._children.values()
            if child.exited.done()
        ]
        await self._kill_tree()
        self._become_dead(describe_exit(codes[0]) if codes else "signal 9")

    def _become_dead(self, how: str) -> None:
        self.exit = how
        self.lived_s = self.uptime_s
        self.state = State.DEAD
        self.on_dead(self)

    async def _stop_child(self, child: Child, number: signal.Signals) -> None:
        if child.exited.done():
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await asyncio.shield(child.exited)

    async def _kill_tree(self) -> None:
        """Kill until nothing of the component is left, orphans included."""
        deadline = time.monotonic() + GONE_TIMEOUT_S
        memory = Segments()
        while pids := self._meter.tree(self.name):
            memory.note(pids)
            _signal_all(pids, signal.SIGKILL)
            self._processes.reap()
            if time.monotonic() > deadline:
                raise StartError(f"{self.name}: processes survive SIGKILL")
            await asyncio.sleep(GONE_POLL_S)
        # What is left of it are corpses: their counters come with their burial.
        self._processes.reap()
        self._children.clear()
        memory.remove()

    def _signal_tree(self, number: signal.Signals) -> None:
        """Signal every live process of the component."""
        _signal_all(self._meter.tree(self.name), number)


def _signal_all(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
