"""What each component has cost the machine: CPU, memory, disk, dead processes included.

The problem: a server that is killed takes its counters with it, and PostgreSQL forks a
process for every connection. The promise: a component's CPU seconds never fall and
count every process that ever ran below it. Live processes are read from /proc (their
reaped children are part of their own counters); the dead hand over theirs through
wait4. Disk bytes of a tree that died on its own are known up to the last sample; they
are the bytes of the pages that a process made dirty or of what it wrote, whichever is
less: where a file system keeps large folios, the kernel counts a whole one, a megabyte
of a log's segment, for the page that was written.
A process that lost its parent (Patroni starts PostgreSQL so) is known by a mark in its
environment. Source: proc_pid_stat(5), proc_pid_io(5), wait4(2).
"""

import os
import resource
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
SAMPLE_INTERVAL_S = 2.0
# Environment variable that marks every process of a component: FOLDER:NAME.
MARK = "CHANDLERY_COMPONENT"


@dataclass(frozen=True)
class Usage:
    """Totals since the supervisor started; `rss_bytes` is of this moment."""

    cpu_seconds: float = 0.0
    rss_bytes: int = 0  # private memory, and the largest shared part once
    read_bytes: int = 0
    write_bytes: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.cpu_seconds + other.cpu_seconds,
            self.rss_bytes + other.rss_bytes,
            self.read_bytes + other.read_bytes,
            self.write_bytes + other.write_bytes,
        )


@dataclass(frozen=True)
class Stat:
    """The line of one live process that matters here."""

    parent: int
    cpu_seconds: float  # own and reaped children's
    private_bytes: int
    shared_bytes: int
    dead: bool = False  # a zombie: its counters wait for whoever reaps it


class Meter:
    """Attributes processes to components and adds up what they used."""

    def __init__(self, folder: str = "") -> None:
        """`folder` tells the marks of this supervisor's components from others'."""
        self._folder = folder
        self._roots: dict[str, set[int]] = defaultdict(set)
        self._owner: dict[int, str] = {}
        self._live: dict[int, Usage] = {}
        self._shared: dict[int, int] = {}
        self._dead: dict[str, Usage] = defaultdict(Usage)

    def adopt(self, name: str, pid: int) -> None:
        """A new direct child belongs to the component `name`."""
        self._roots[name].add(pid)
        self._owner[pid] = name

    def on_death(self, pid: int, usage: resource.struct_rusage) -> None:
        """Take over the counters of a reaped process, whoever's it was."""
        name = self._owner.pop(pid, None)
        last = self._live.pop(pid, Usage())
        self._shared.pop(pid, None)
        if name is None:
            return
        self._roots[name].discard(pid)
        self._dead[name] += Usage(
            usage.ru_utime + usage.ru_stime, 0, last.read_bytes, last.write_bytes
        )

    def sample(self) -> dict[int, "Stat"]:
        """Read /proc once; learn new descendants and the counters of all."""
        table = read_table()
        below: dict[int, list[int]] = defaultdict(list)
        for pid, stat in table.items():
            below[stat.parent].append(pid)
        self._claim_orphans(table)
        for name in list(self._roots):
            for pid in self._members(name, table, below):
                self._owner[pid] = name
                self._live[pid] = _usage(pid, table[pid])
                self._shared[pid] = table[pid].shared_bytes
        for pid in [pid for pid in self._live if pid not in table]:
            # Reaped by a parent of its own, which now carries the counters.
            self._live.pop(pid)
            self._shared.pop(pid, None)
            if self._owner.get(pid) and pid not in self._all_roots():
                self._owner.pop(pid)
        return table

    def tree(self, name: str) -> list[int]:
        """Live processes of a component as of now, orphans included."""
        table = self.sample()
        return [
            pid
            for pid, owner in self._owner.items()
            if owner == name and pid in table and not table[pid].dead
        ]

    def usage(self, name: str) -> Usage:
        """Totals of a component as of the last sample."""
        mine = [pid for pid in self._live if self._owner.get(pid) == name]
        # Every backend of a database maps the same shared buffers.
        shared = max((self._shared.get(pid, 0) for pid in mine), default=0)
        live = (self._live[pid] for pid in mine)
        return sum(live, self._dead[name] + Usage(rss_bytes=shared))

    def mark(self, name: str) -> str:
        """The value of `MARK` in the environment of a component's processes."""
        return f"{self._folder}:{name}"

    def _claim_orphans(self, table: Mapping[int, Stat]) -> None:
        """Children that the kernel gave us are their component's, not nobody's."""
        for pid, stat in table.items():
            if stat.parent == os.getpid() and pid not in self._owner and not stat.dead:
                folder, _, name = read_mark(pid).rpartition(":")
                if folder == self._folder and name in self._roots:
                    self._owner[pid] = name

    def _all_roots(self) -> set[int]:
        return set().union(*self._roots.values()) if self._roots else set()

    def _members(
        self, name: str, table: Mapping[int, Stat], below: Mapping[int, Iterable[int]]
    ) -> list[int]:
        known = [pid for pid, owner in self._owner.items() if owner == name]
        todo = [pid for pid in known if pid in table and not table[pid].dead]
        seen = set(known)
        for pid in todo:  # grows while it is walked
            fresh = [
                child
                for child in below.get(pid, ())
                if child not in seen and not table[child].dead
            ]
            seen.update(fresh)
            todo.extend(fresh)
        return todo


def read_table() -> dict[int, Stat]:
    """All processes of the machine; one that vanishes while read is left out."""
    table = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            stat = _read_stat(entry)
            if stat is not None:
                table[int(entry)] = stat
    return table


def is_alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    stat = _read_stat(str(pid))
    return stat is not None and not stat.dead


def is_stopped(pid: int) -> bool:
    """Whether the process has obeyed SIGSTOP, or is no more."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            line = file.read()
    except OSError:
        return True
    return line[line.rindex(b")") + 2 :][:1] in (b"T", b"t", b"Z", b"X")


def program_of(pid: int) -> str:
    """The name of the program a process executes, empty when it is gone."""
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return ""


def read_mark(pid: int) -> str:
    """The component mark of a process, empty without one."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            entries = file.read().split(b"\0")
    except OSError:
        return ""
    start = MARK.encode() + b"="
    found = [entry[len(start) :] for entry in entries if entry.startswith(start)]
    return os.fsdecode(found[0]) if found else ""


def _read_stat(pid: str) -> Stat | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            line = file.read()
        with open(f"/proc/{pid}/statm", "rb") as file:
            pages = file.read().split()
    except OSError:
        return None
    # The command may hold spaces and parentheses; what follows the last one is plain.
    fields = line[line.rindex(b")") + 2 :].split()
    ticks = sum(int(field) for field in fields[11:15])
    resident, shared = int(pages[1]) * PAGE_BYTES, int(pages[2]) * PAGE_BYTES
    parent, cpu_seconds = int(fields[1]), ticks / TICKS_PER_SECOND
    dead = fields[0] in (b"Z", b"X")
    return Stat(parent, cpu_seconds, resident - shared, shared, dead)


def _usage(pid: int, stat: Stat) -> Usage:
    read = written = 0
    try:
        with open(f"/proc/{pid}/io", "rb") as file:
            counters = dict(line.split(b": ") for line in file.read().splitlines())
        read = int(counters[b"read_bytes"])
        written = min(int(counters[b"write_bytes"]), int(counters[b"wchar"]))
    except (OSError, KeyError):
        pass  # a vanished process, or a kernel without these counters: zero
    return Usage(stat.cpu_seconds, stat.private_bytes, read, written)
