"""One supervised process: start, watch, pause, kill, and what it has cost so far.

The supervisor is the direct parent, so an exit is known at once and the operating
system's accounts are its own; the figures of dead incarnations are kept. A child gets
SIGTERM from the kernel when the supervisor dies, whatever killed it. Whoever wants to
count or cut a component by the kernel's means sets CHANDLERY_CGROUP to a folder of
cgroup2 before the supervisor starts: each component then lives in FOLDER/NAME.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

PR_SET_PDEATHSIG = 1
CGROUP_SETTING = "CHANDLERY_CGROUP"
STOP_TIMEOUT_S = 8.0
PAUSE_POLL_S = 0.005
PAUSE_POLLS = 400
"""A process that waits for its disk obeys SIGSTOP when that is over."""


@dataclass(slots=True)
class Usage:
    """What a component has used, dead incarnations included.

    `write_bytes` are those of the pages it made dirty or those it wrote, whichever is
    less: a file system with large folios counts a whole one for the page written.
    """

    cpu_seconds: float = 0.0
    rss_bytes: int = 0
    read_bytes: int = 0
    write_bytes: int = 0


@dataclass(slots=True)
class ManagedProcess:
    """A named command and its present incarnation."""

    name: str
    role: str
    command: Sequence[str]
    log_path: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    restarts: int = -1
    exit: str | None = None
    exit_code: int | None = None
    paused: bool = False
    started_at: float = 0.0
    _process: asyncio.subprocess.Process | None = None
    _past: Usage = field(default_factory=Usage)
    _seen: Usage = field(default_factory=Usage)

    @property
    def pid(self) -> int | None:
        """The process id while it lives."""
        alive = self._process is not None and self._process.returncode is None
        return self._process.pid if alive and self._process else None

    @property
    def state(self) -> str:
        """running, paused, dead, or stopped (never started, or stopped on purpose)."""
        if self.pid is not None:
            return "paused" if self.paused else "running"
        return "dead" if self.exit else "stopped"

    async def start(self) -> None:
        """Start a new incarnation; output is appended to the log file."""
        self.exit = self.exit_code = None
        self.paused = False
        with self.log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                start_new_session=True,
                preexec_fn=_before_exec(self.name),
            )
        self.restarts += 1
        self.started_at = time.monotonic()

    async def wait(self) -> None:
        """Wait for the end of this incarnation and note how it ended."""
        if self._process is None:
            return
        code = await self._process.wait()
        self.exit_code = code
        self.exit = f"signal {-code}" if code < 0 else f"code {code}"
        self._past = self._total()
        self._seen = Usage()

    def kill(self) -> None:
        """SIGKILL, also when paused."""
        self.sample()
        self._signal(signal.SIGKILL)

    async def pause(self) -> None:
        """SIGSTOP; returns when it was obeyed, or after PAUSE_POLLS looks."""
        self._signal(signal.SIGSTOP)
        self.paused = True
        for _ in range(PAUSE_POLLS):
            if self._is_stopped():
                break
            await asyncio.sleep(PAUSE_POLL_S)

    def resume(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)
        self.paused = False

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL when it does not end in time."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        self.sample()
        if self.paused:
            self.resume()
        self._signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await process.wait()

    def _is_stopped(self) -> bool:
        if self.pid is None:
            return True
        try:
            return bool(psutil.Process(self.pid).status() == psutil.STATUS_STOPPED)
        except psutil.Error:
            return True

    def sample(self) -> Usage:
        """Read the accounts of the living incarnation; returns the total."""
        if self.pid is not None:
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(self.pid)
                times = process.cpu_times()
                io = process.io_counters()
                self._seen = Usage(
                    times.user + times.system,
                    process.memory_info().rss,
                    io.read_bytes,
                    min(io.write_bytes, io.write_chars),
                )
        return self._total()

    def describe(self) -> dict[str, Any]:
        """One row of the control socket's `list`."""
        usage = self.sample()
        alive = self.pid is not None
        return {
            "name": self.name,
            "role": self.role,
            "state": self.state,
            "pid": self.pid,
            "restarts": max(self.restarts, 0),
            "cpu_seconds": round(usage.cpu_seconds, 3),
            "rss_bytes": usage.rss_bytes if alive else 0,
            "read_bytes": usage.read_bytes,
            "write_bytes": usage.write_bytes,
            "exit": self.exit,
            "uptime_s": round(time.monotonic() - self.started_at, 3) if alive else 0.0,
        }

    def _total(self) -> Usage:
        return Usage(
            self._past.cpu_seconds + self._seen.cpu_seconds,
            self._seen.rss_bytes,
            self._past.read_bytes + self._seen.read_bytes,
            self._past.write_bytes + self._seen.write_bytes,
        )

    def _signal(self, number: signal.Signals) -> None:
        pid = self.pid
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def _before_exec(name: str) -> Callable[[], None] | None:
    """What a child does first: ask the kernel for SIGTERM when the supervisor dies, and
    enter the component's cgroup if there is one."""
    if sys.platform != "linux":
        return None
    cgroup = None
    if folder := os.environ.get(CGROUP_SETTING):
        cgroup = Path(folder, name)
        cgroup.mkdir(exist_ok=True)

    def prepare() -> None:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if cgroup is not None:
            (cgroup / "cgroup.procs").write_text("0")

    return prepare
