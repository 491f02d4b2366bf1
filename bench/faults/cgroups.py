"""Cutting links and counting bytes where the packets of a component can be told apart.

Supervisors place each component in a cgroup of its own when CHANDLERY_CGROUP names a
folder of cgroup2 (their part of the contract); a filter on that cgroup then sees every
packet of the component, whichever process and socket it comes from, the sockets opened
later included. So a partition here is what a pulled cable is: the kernel drops packets,
nothing answers, nothing is refused. Needs root; `unavailable` says what is missing.

What it does not do: delay (this takes a queue in the kernel; see the relay), IPv6.
"""

import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.faults.kernel import (
    SOURCE_PORT_AT,
    TARGET_PORT_AT,
    KernelRefusal,
    Way,
    attach,
    count_program,
    detach,
    drop_program,
    load,
    make_counter,
    read_counter,
)

SETTING = "CHANDLERY_CGROUP"
BOTH = (Way.IN, Way.OUT)
EMPTY_TIMEOUT_S = 5.0
POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class _Attached:
    """One program on one cgroup, with what must be closed after it."""

    cgroup: int
    program: int
    way: Way

    def remove(self) -> None:
        detach(self.cgroup, self.program, self.way)
        os.close(self.program)


class Cgroups:
    """A folder of cgroup2 below which a target's components live, one each.

    `with Cgroups.claim() as cgroups:` around the target's start and stop; the setting
    is in the environment meanwhile, where the target's supervisor finds it.
    """

    method = "kernel"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, int] = {}
        self._cuts: list[_Attached] = []
        self._counters: dict[str, tuple[int, _Attached]] = {}
        self._before: str | None = None

    @classmethod
    def claim(cls) -> "Cgroups":
        """A new folder; BenchError if this machine has none (see `unavailable`)."""
        why = unavailable()
        if why is not None:
            raise BenchError(why)
        root = _mount()
        assert root is not None
        return cls(root / f"chandlery-{secrets.token_hex(4)}")

    @classmethod
    def here(cls) -> "Cgroups | None":
        """The folder that was claimed around the target that runs now, if one was."""
        folder = os.environ.get(SETTING)
        return cls(Path(folder)) if folder else None

    def __enter__(self) -> "Cgroups":
        self._folder.mkdir()
        self._before = os.environ.get(SETTING)
        os.environ[SETTING] = str(self._folder)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is None:
            os.environ.pop(SETTING, None)
        else:
            os.environ[SETTING] = self._before
        self.close()
        _remove(self._folder)

    def close(self) -> None:
        """Heal every cut, count no more, let go of what is open."""
        self.heal()
        for counter, attached in self._counters.values():
            attached.remove()
            os.close(counter)
        self._counters.clear()
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def path(self, component: str) -> Path:
        """The component's cgroup; BenchError if its supervisor made none."""
        path = self._folder / component
        if not path.is_dir():
            raise BenchError(
                f"component '{component}' has no cgroup: was its supervisor started "
                f"while {SETTING} was set?"
            )
        return path

    def isolate(self, component: str, ways: Iterable[Way] = BOTH) -> None:
        """Drop every packet of a component, to and from whomever; one way if named."""
        for way in ways:
            self._drop(component, way, drop_program())

    def lose(self, component: str, share: float) -> None:
        """Lose this share of the packets that reach a component."""
        self._drop(component, Way.IN, drop_program(share))

    def cut(self, component: str, ports: Sequence[int]) -> None:
        """Drop what goes between a component and these ports of others."""
        self._drop(component, Way.OUT, drop_program(1.0, ports, TARGET_PORT_AT))
        self._drop(component, Way.IN, drop_program(1.0, ports, SOURCE_PORT_AT))

    def heal(self) -> None:
        """Take every cut away."""
        while self._cuts:
            self._cuts.pop().remove()

    def count(self, components: Iterable[str]) -> None:
        """Count the bytes that these components send from now on."""
        for component in components:
            if component not in self._counters:
                counter = make_counter()
                attached = self._attach(component, Way.OUT, count_program(counter))
                self._counters[component] = (counter, attached)

    def sent_bytes(self) -> dict[str, int]:
        """Bytes sent since `count`, by component: packets with their headers."""
        return {
            name: read_counter(counter) for name, (counter, _) in self._counters.items()
        }

    def _drop(self, component: str, way: Way, program: bytes) -> None:
        self._cuts.append(self._attach(component, way, program))

    def _attach(self, component: str, way: Way, program: bytes) -> _Attached:
        if component not in self._open:
            path = self.path(component)
            self._open[component] = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        loaded = load(program)
        attach(self._open[component], loaded, way)
        return _Attached(self._open[component], loaded, way)


@contextmanager
def claimed_if(wanted: bool) -> Iterator[None]:
    """Claim a folder around what is started inside, if it is wanted and can be had; who
    cuts a link finds it by `Cgroups.here`, or finds none and says so."""
    if not wanted or unavailable() is not None:
        yield
        return
    with Cgroups.claim():
        yield


def entering(component: str) -> Callable[[], None] | None:
    """What a new process of a component does first: enter its cgroup. For supervisors
    within the bench; None if nobody claimed a folder."""
    folder = os.environ.get(SETTING)
    if not folder:
        return None
    path = Path(folder, component)
    path.mkdir(exist_ok=True)

    def enter() -> None:
        (path / "cgroup.procs").write_text("0")

    return enter


def unavailable() -> str | None:
    """Why components cannot be cut by the kernel here; None if they can be."""
    if os.geteuid() != 0:
        return "cutting links in the kernel needs root"
    root = _mount()
    if root is None:
        return "no cgroup2 file system is mounted here"
    if not os.access(root, os.W_OK):
        return f"the cgroup2 file system at {root} is read-only"
    try:
        os.close(load(drop_program()))
    except KernelRefusal as refusal:
        return f"the kernel takes no packet filters: {refusal}"
    return None


def _mount() -> Path | None:
    """Where cgroup2 is mounted."""
    try:
        lines = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return None
    found = [fields[1] for line in lines if (fields := line.split())[2] == "cgroup2"]
    return Path(found[0]) if found else None


def _remove(folder: Path) -> None:
    """Remove a folder of cgroups once its last process is gone."""
    deadline = time.monotonic() + EMPTY_TIMEOUT_S
    while folder.is_dir():
        for child in [path for path in folder.iterdir() if path.is_dir()]:
            with suppress(OSError):  # busy: a process in it is still ending
                child.rmdir()
        with suppress(OSError):
            folder.rmdir()
            return
        if time.monotonic() > deadline:
            return  # whoever still lives there was not ours to kill
        time.sleep(POLL_S)
