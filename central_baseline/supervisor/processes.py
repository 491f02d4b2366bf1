"""Starting and reaping: the direct parent of every server.

The problem: a server that is killed leaves children behind (PostgreSQL's backends take
sessions of their own), and a parent that does not reap keeps the dead one's pid alive,
so that a restart trips over its lock file. The promise: the supervisor is a child
subreaper, reaps everything that dies below it, learns each death's CPU time from
wait4, and if it is killed itself the kernel kills its children. It refuses to be used
beside another reaper of the same process (it waits for any child).
Source: prctl(2) PR_SET_CHILD_SUBREAPER and PR_SET_PDEATHSIG, wait4(2).
"""

import asyncio
import ctypes
import os
import resource
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from central_baseline.errors import StartError
from central_baseline.supervisor.accounts import Account

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
OUTPUT_LIMIT = 4000  # characters of a failed command that are shown
JOB_TIMEOUT_S = 60.0
CGROUP_SETTING = "CHANDLERY_CGROUP"

_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Command:
    """What to execute: arguments, surroundings, account, cores it may use."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)  # added to ours
    cwd: Path | None = None
    account: Account = field(default_factory=Account)
    cores: frozenset[int] | None = None  # None: all
    log: Path | None = None  # stdout and stderr are appended there
    cgroup: Path | None = None  # of cgroup2, entered before all else


@dataclass
class Child:
    """One direct child; `exited` resolves to its wait status code as in subprocess."""

    pid: int
    exited: asyncio.Future[int]


OnDeath = Callable[[int, resource.struct_rusage], None]


class Processes:
    """All children of this process. One per process; needs the main thread."""

    def __init__(self, on_death: OnDeath | None = None) -> None:
        """`on_death(pid, usage)` hears of every reaped process, adopted ones too."""
        self._children: dict[int, Child] = {}
        self._on_death = on_death
        self._loop = asyncio.get_running_loop()

    def __enter__(self) -> "Processes":
        _LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._loop.add_signal_handler(signal.SIGCHLD, self.reap)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.remove_signal_handler(signal.SIGCHLD)

    def start(self, command: Command) -> Child:
        """Start and return at once; OSError when the program cannot be executed."""
        with open(command.log or os.devnull, "ab") as log:
            popen = subprocess.Popen(
                [*command.account.prefix, *command.argv],
                env={**os.environ, **command.env},
                cwd=command.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                user=command.account.user,
                group=command.account.group,
                extra_groups=None if command.account.user is None else [],
                start_new_session=True,
                preexec_fn=_before_exec(command),
            )
        child = Child(popen.pid, self._loop.create_future())
        self._children[popen.pid] = child
        # We reap by pid ourselves; Popen must not wait for it a second time.
        popen.returncode = 0
        return child

    async def run(self, command: Command, timeout_s: float = JOB_TIMEOUT_S) -> str:
        """Run to the end and return what it printed; StartError when it fails."""
        with tempfile.TemporaryDirectory(prefix="chandlery-job-") as folder:
            log = Path(folder) / "output"
            child = self.start(
                Command(
                    command.argv, command.env, command.cwd, command.account, log=log
                )
            )
            try:
                async with asyncio.timeout(timeout_s):
                    code = await asyncio.shield(child.exited)
            except TimeoutError:
                os.kill(child.pid, signal.SIGKILL)
                code = await child.exited
            except asyncio.CancelledError:
                os.kill(child.pid, signal.SIGKILL)
                raise
            output = log.read_text(errors="replace")
        if code != 0:
            name = Path(command.argv[0]).name
            tail = output[-OUTPUT_LIMIT:].strip()
            raise StartError(f"{name} failed ({describe_exit(code)}): {tail}")
        return output

    def reap(self) -> None:
        """Collect everything that has died, ours and what was orphaned below us."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if self._on_death is not None:
                self._on_death(pid, usage)
            child = self._children.pop(pid, None)
            if child is not None and not child.exited.done():
                child.exited.set_result(os.waitstatus_to_exitcode(status))


def describe_exit(code: int) -> str:
    """'signal 9' or 'code 3', the words of the control socket."""
    return f"signal {-code}" if code < 0 else f"code {code}"


def component_cgroup(name: str) -> Path | None:
    """Where a component's processes live: CHANDLERY_CGROUP/NAME, for whoever counts or
    cuts a component by the kernel's means; None where nobody asked for it."""
    folder = os.environ.get(CGROUP_SETTING)
    if not folder:
        return None
    cgroup = Path(folder, name)
    cgroup.mkdir(exist_ok=True)
    return cgroup


def _before_exec(command: Command) -> Callable[[], None]:
    parent = os.getpid()

    def prepare() -> None:
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the kernel was told
            os._exit(1)
        if command.cgroup is not None:
            (command.cgroup / "cgroup.procs").write_text("0")
        if command.cores is not None:
            os.sched_setaffinity(0, command.cores)

    return prepare
