"""Shared memory of killed processes: noted before, removed after.

The problem: PostgreSQL's shared memory outlives a kill -9. Its next start in the same
folder clears it away, but there may be none, and a machine that dies keeps no memory
either. The promise: what the killed had mapped is gone with them. It touches nothing
but PostgreSQL's POSIX segments and System V segments, and only by what the killed
themselves had mapped.
Source: proc_pid_maps(5) (a System V segment's inode is its id), shmctl(2).
"""

import contextlib
import ctypes
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

POSIX = "/dev/shm/PostgreSQL."
SYSTEM_V = "/SYSV"
IPC_RMID = 0
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass
class Segments:
    """Segments by file and by System V id."""

    files: set[Path] = field(default_factory=set)
    ids: set[int] = field(default_factory=set)

    def note(self, pids: Iterable[int]) -> None:
        """Add what these processes have mapped; one that has ended has nothing."""
        for pid in pids:
            with contextlib.suppress(OSError):
                self._note_maps(Path(f"/proc/{pid}/maps").read_text())

    def _note_maps(self, text: str) -> None:
        for line in text.splitlines():
            # address, permissions, offset, device, inode, name
            words = line.split(maxsplit=5)
            name = words[5].removesuffix(" (deleted)") if len(words) == 6 else ""
            if name.startswith(POSIX):
                self.files.add(Path(name))
            elif name.startswith(SYSTEM_V):
                self.ids.add(int(words[4]))

    def remove(self) -> None:
        """Remove all of them; what somebody else has removed already is no error."""
        for file in self.files:
            with contextlib.suppress(OSError):
                os.unlink(file)
        for number in self.ids:
            _LIBC.shmctl(number, IPC_RMID, None)
        self.files.clear()
        self.ids.clear()
