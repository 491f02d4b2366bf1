"""The machine's clock and worker threads, behind the driver's ports."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from node.driver.ports import Lanes

T = TypeVar("T")


class SystemClock:
    """`node.driver.ports.Clock` of this machine."""

    def monotonic_ms(self) -> int:
        """Milliseconds that never go back."""
        return time.monotonic_ns() // 1_000_000

    def wall_s(self) -> int:
        """Seconds since 1970."""
        return int(time.time())


def name_thread(name: str) -> None:
    """Let tools of the system show the calling thread under this name (Linux keeps 15
    characters of it; elsewhere nothing happens): a profile by thread tells what it is.
    """
    comm = Path(f"/proc/self/task/{threading.get_native_id()}/comm")
    with contextlib.suppress(OSError):
        comm.write_text(name)


class ThreadOffload:
    """One worker thread: work given to it runs in order, one piece at a time."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(1, name, name_thread, (name,))

    def __call__(self, work: Callable[[], T]) -> Awaitable[T]:
        """Run the work on the thread; await its result."""
        return asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Finish what was started."""
        self._pool.shutdown(wait=True)


def thread_lanes() -> tuple[Lanes, Callable[[], None]]:
    """A thread per lane, and the function that ends them."""
    names = ("executor", "disk", "admission", "background")
    threads = [ThreadOffload(name) for name in names]

    def close() -> None:
        for thread in threads:
            thread.close()

    return Lanes(*threads), close
