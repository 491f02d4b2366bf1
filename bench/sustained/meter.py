"""What a network has spent so far: by component, and by thread and phase where asked.

CPU by component is the supervisor's word. Threads are read from /proc of the processes
that it names (Linux, and only on the machine that runs them): CPU, the kernel's share
of it, and page faults. A node's threads carry the names of their work; the main thread,
which runs the event loop, is called "loop". Phases are what a native executor says of
itself through `qbft_status`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.adapters.chain.rpc import Nodes
from bench.control import Control

PROC = Path("/proc")
TICK_S = 0.01  # of the two fields in `stat`; what userspace sees is always 100 Hz
MAIN_THREAD = "loop"


@dataclass(frozen=True, slots=True)
class Spent:
    """Since the thread began."""

    cpu_s: float = 0.0
    kernel_s: float = 0.0
    faults: int = 0
    """Pages that had to be mapped without reading a disk."""

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            self.cpu_s + other.cpu_s,
            self.kernel_s + other.kernel_s,
            self.faults + other.faults,
        )

    def __sub__(self, other: "Spent") -> "Spent":
        return self + Spent(-other.cpu_s, -other.kernel_s, -other.faults)


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at everything."""

    cpu_s: Mapping[str, float]
    """By component."""
    threads: Mapping[str, Mapping[str, Spent]] = field(default_factory=dict)
    """By component and thread."""
    phases_s: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By component and phase."""


@dataclass(frozen=True, slots=True)
class Meter:
    """Reads a network; `names` are the components of the nodes' endpoints."""

    control: Control
    nodes: Nodes
    names: tuple[str, ...]
    profile: bool

    async def read(self) -> Reading:
        """Everything so far. Raises BenchError."""
        rows = await self.control.components()
        cpu_s = {row.name: row.cpu_seconds for row in rows}
        if not self.profile:
            return Reading(cpu_s)
        threads = {row.name: threads_of(row.pid) for row in rows if row.pid}
        phases_s = {}
        for at, name in enumerate(self.names):
            status = await self.nodes.call(at, "qbft_status")
            phases_s[name] = dict(status.get("executor_cpu_s", {}))
        return Reading(cpu_s, threads, phases_s)


def threads_of(pid: int, proc: Path = PROC) -> dict[str, Spent]:
    """What each thread of a process has spent; those of one name are added up."""
    found: dict[str, Spent] = {}
    for folder in (proc / str(pid) / "task").iterdir():
        try:
            name = (folder / "comm").read_text().strip()
            stat = (folder / "stat").read_text()
            cpu_ns = int((folder / "schedstat").read_text().split()[0])
        except OSError:  # it ended meanwhile
            continue
        if folder.name == str(pid):
            name = MAIN_THREAD
        # The name in brackets may hold anything; fields are counted from behind it.
        fields = stat[stat.rindex(")") + 2 :].split()
        spent = Spent(cpu_ns / 1e9, int(fields[12]) * TICK_S, int(fields[7]))
        found[name] = found.get(name, Spent()) + spent
    return found


def profile_of(before: Reading, after: Reading, orders: int) -> dict[str, Any]:
    """Per order, by component: microseconds of CPU, those in the kernel and page faults
    of every thread, microseconds of every phase; as a JSON-able document.

    A component that was started anew in between is left out.
    """
    threads = {}
    for name, now in after.threads.items():
        was = before.threads.get(name, {})
        spent = {at: now[at] - was.get(at, Spent()) for at in now}
        if all(one.cpu_s >= 0 for one in spent.values()):
            threads[name] = _rows(spent, orders)
    phases = {
        name: {
            phase: round(
                1e6 * (now[phase] - before.phases_s[name].get(phase, 0)) / orders, 1
            )
            for phase in now
        }
        for name, now in after.phases_s.items()
        if name in threads
    }
    return {"threads_per_order": threads, "phases_us_per_order": phases}


def _rows(spent: Mapping[str, Spent], orders: int) -> dict[str, dict[str, float]]:
    rows = {
        name: {
            "us": round(1e6 * one.cpu_s / orders, 1),
            "kernel_us": round(1e6 * one.kernel_s / orders, 1),
            "faults": round(one.faults / orders, 2),
        }
        for name, one in spent.items()
    }
    return dict(sorted(rows.items(), key=lambda row: -row[1]["us"]))
