"""Ending what a supervisor that was killed could not take along.

Direct children die with their parent; PostgreSQL under Patroni is a grandchild, and may
live on. Every process of a rung carries the rung's mark, so they can be found. It is
called only by who holds the rung's lock: nobody else's supervisor is running there.
"""

import contextlib
import os
import signal
import time
from pathlib import Path

from central_baseline.errors import StartError
from central_baseline.supervisor.meter import read_mark, read_table

GONE_TIMEOUT_S = 20.0
GONE_POLL_S = 0.02


def sweep(folder: Path) -> int:
    """SIGKILL all that is left of the rung in `folder`; returns how many there were."""
    deadline = time.monotonic() + GONE_TIMEOUT_S
    first = left = leftovers(folder)
    while left:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise StartError(f"processes {left} of {folder} survive SIGKILL")
        time.sleep(GONE_POLL_S)
        left = leftovers(folder)
    return len(first)


def leftovers(folder: Path) -> list[int]:
    """Live processes that carry the mark of this folder, and what is below them."""
    table = read_table()
    marked = {
        pid
        for pid, stat in table.items()
        if not stat.dead and read_mark(pid).rpartition(":")[0] == str(folder)
    }
    below = [pid for pid, stat in table.items() if stat.parent in marked]
    return sorted(marked.union(pid for pid in below if not table[pid].dead))
