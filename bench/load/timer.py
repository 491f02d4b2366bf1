"""Wake-ups to a tenth of a millisecond inside the event loop.

Event loops count timers in whole milliseconds and may fire early; both would show as
latency that the target never had. One kernel timer (timerfd, Linux) armed for the
earliest waiter wakes the loop through a file descriptor instead. Elsewhere plain
asyncio sleeping is used, and the generator's lag shows what that costs.
"""

import asyncio
import ctypes
import heapq
import os
import sys
import time
from contextlib import suppress
from itertools import count

NS_PER_S = 1_000_000_000
CLOCK_MONOTONIC = 1
TFD_NONBLOCK = os.O_NONBLOCK
TFD_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
TFD_TIMER_ABSTIME = 1


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class PreciseTimer:
    """Sleeps until moments of the monotonic clock, for one running loop."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = count()
        self._file: int | None = None
        self._libc = ctypes.CDLL(None, use_errno=True) if _is_linux() else None

    def open(self) -> None:
        """Create the kernel timer and watch it in the running loop."""
        if self._libc is None:
            return
        file = self._libc.timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)
        if file < 0:
            return
        self._file = file
        asyncio.get_running_loop().add_reader(file, self._fired)

    def close(self) -> None:
        """Give the kernel timer back. Nobody may be waiting any more."""
        if self._file is not None:
            asyncio.get_running_loop().remove_reader(self._file)
            os.close(self._file)
            self._file = None

    async def sleep_until(self, moment_ns: int) -> None:
        """Return at or just after the moment of time.monotonic_ns()."""
        while (ahead_ns := moment_ns - time.monotonic_ns()) > 0:
            if self._file is None:
                await asyncio.sleep(ahead_ns / NS_PER_S)
                continue
            future = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiting, (moment_ns, next(self._order), future))
            if self._waiting[0][2] is future:
                self._arm(moment_ns)
            await future

    def _fired(self) -> None:
        assert self._file is not None
        with suppress(BlockingIOError):
            os.read(self._file, 8)
        now_ns = time.monotonic_ns()
        while self._waiting and self._waiting[0][0] <= now_ns:
            _, _, future = heapq.heappop(self._waiting)
            if not future.done():  # a cancelled sleeper has left its entry behind
                future.set_result(None)
        if self._waiting:
            self._arm(self._waiting[0][0])

    def _arm(self, moment_ns: int) -> None:
        assert self._libc is not None
        seconds, nanoseconds = divmod(moment_ns, NS_PER_S)
        spec = _Itimerspec(_Timespec(0, 0), _Timespec(seconds, nanoseconds))
        self._libc.timerfd_settime(
            self._file, TFD_TIMER_ABSTIME, ctypes.byref(spec), None
        )


def _is_linux() -> bool:
    return sys.platform == "linux"
