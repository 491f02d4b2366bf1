"""Counts the fsyncs of each component, by the kernel's own tracepoints.

The problem: durability on paper is a setting; whether a server really waits for the
disk is known only by counting the calls. The promise: fsync(2) and fdatasync(2) of each
process in a component's cgroup are counted exactly, for either world alike and without
stopping anything (no strace). Needs root and cgroup2. Not counted: files opened with
O_SYNC or O_DSYNC, sync_file_range(2), msync(2).

Source: perf_event_open(2), PERF_TYPE_TRACEPOINT with PERF_FLAG_PID_CGROUP; tracefs.
"""

import ctypes
import os
import platform
import struct
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from bench.faults.cgroups import unavailable as no_cgroups

SYS_PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241}.get(platform.machine())
TYPE_TRACEPOINT = 2
FLAG_PID_CGROUP, FLAG_CLOEXEC = 4, 8
ATTRIBUTE_BYTES = 112
CALLS = ("fsync", "fdatasync")
MOUNTED = Path("/sys/kernel/tracing")
# tracefs may be mounted nowhere: then it is, for one moment, in a namespace of its own.
LOOK = 'mount -t tracefs none "$0" && cd "$0/events/syscalls" && cat {}'
LOOK_TIMEOUT_S = 10


class FsyncCounter:
    """Counts from its making until `close`, one number a component."""

    def __init__(self, cgroups: Mapping[str, Path]) -> None:
        """`cgroups` leads from components to their folders of cgroup2. OSError says
        what the kernel refused; ask `unavailable` first."""
        self._counters: dict[str, list[int]] = {}
        try:
            for name, path in cgroups.items():
                self._counters[name] = []
                self._open(name, path)
        except OSError:
            self.close()
            raise

    def read(self) -> dict[str, int]:
        """Calls so far, by component."""
        return {
            name: sum(
                struct.unpack("<Q", os.read(counter, 8))[0] for counter in counters
            )
            for name, counters in self._counters.items()
        }

    def close(self) -> None:
        """Count no more."""
        for counters in self._counters.values():
            for counter in counters:
                os.close(counter)
        self._counters.clear()

    def _open(self, name: str, path: Path) -> None:
        cgroup = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for number in _tracepoints():
                # A cgroup is counted on each CPU by itself.
                for cpu in range(os.cpu_count() or 1):
                    self._counters[name].append(_open_counter(number, cgroup, cpu))
        finally:
            os.close(cgroup)


def unavailable() -> str | None:
    """Why fsyncs cannot be counted here; None if they can be."""
    why = no_cgroups()
    if why is not None:
        return f"counting fsyncs takes cgroups: {why}"
    if SYS_PERF_EVENT_OPEN is None:
        return f"no perf_event_open(2) known for {platform.machine()}"
    try:
        numbers = _tracepoints()
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return f"the kernel's tracepoints cannot be read: {error}"
    return None if len(numbers) == len(CALLS) else "the kernel traces no system calls"


@cache
def _tracepoints() -> tuple[int, ...]:
    """The kernel's numbers of the tracepoints at the entry of both calls."""
    files = [f"sys_enter_{call}/id" for call in CALLS]
    events = MOUNTED / "events" / "syscalls"
    if events.is_dir():
        return tuple(int((events / name).read_text()) for name in files)
    with tempfile.TemporaryDirectory(prefix="chandlery-trace-") as folder:
        script = LOOK.format(" ".join(files))
        told = subprocess.run(
            ["unshare", "--mount", "sh", "-c", script, folder],
            capture_output=True,
            text=True,
            timeout=LOOK_TIMEOUT_S,
            check=True,
        )
    return tuple(int(word) for word in told.stdout.split())


def _open_counter(tracepoint: int, cgroup: int, cpu: int) -> int:
    attributes = struct.pack(
        "<IIQQQQQ", TYPE_TRACEPOINT, ATTRIBUTE_BYTES, tracepoint, 0, 0, 0, 0
    ).ljust(ATTRIBUTE_BYTES, b"\0")
    buffer = ctypes.create_string_buffer(attributes, ATTRIBUTE_BYTES)
    libc = ctypes.CDLL(None, use_errno=True)
    flags = FLAG_PID_CGROUP | FLAG_CLOEXEC
    opened = int(libc.syscall(SYS_PERF_EVENT_OPEN, buffer, cgroup, cpu, -1, flags))
    if opened < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"perf_event_open: {os.strerror(number)}")
    return opened
