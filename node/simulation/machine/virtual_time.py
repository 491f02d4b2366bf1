"""An event loop whose clock moves only when nothing is left to do, and clocks on it.

The promise: no real waiting, no thread, no socket, and the same order of callbacks in
every run: timers of one moment ring in the order in which the heap yields them, which
depends on nothing but the calls made before. A node's own clock is the loop's time
with its own rate (drift) and, for the wall clock alone, its own offset (jumps).
"""

import asyncio
from asyncio import base_events
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

START_S = 1_800_000_000
"""Seconds since 1970 at the beginning of every simulation."""


class NothingLeft(Exception):
    """Every task waits for something that never comes."""


class _Waiter:
    """Stands where the selector is: instead of waiting, it moves the time."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def select(self, timeout: float | None) -> list[object]:
        if timeout is None:
            raise NothingLeft("every task waits for something that never comes")
        if timeout > 0:
            self.now_s += timeout
        return []

    def close(self) -> None:
        """Nothing to release."""


class VirtualLoop(base_events.BaseEventLoop):
    """Run a simulation with `run_until_complete`."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Waiter()
        self.set_debug(False)
        self.failures: list[str] = []
        """What callbacks raised, and tasks whose exception nobody took."""
        self.set_exception_handler(self._on_failure)

    def time(self) -> float:
        """Virtual seconds since the beginning."""
        return self._selector.now_s

    @property
    def now_ms(self) -> int:
        """Virtual milliseconds since the beginning."""
        return int(self._selector.now_s * 1000 + 1e-6)

    def _process_events(self, _: list[object]) -> None:
        """There are none: nothing happens outside."""

    def _write_to_self(self) -> None:
        """There is no other thread to be woken by."""

    def _on_failure(self, _: object, context: dict[str, object]) -> None:
        error = context.get("exception")
        self.failures.append(f"{context.get('message')}: {error!r}")


class NodeClock:
    """`node.driver.ports.Clock` of one host; `rate` 1.01 runs a hundredth too fast."""

    def __init__(self, loop: VirtualLoop, rate: float = 1.0, ahead_s: int = 0) -> None:
        self._loop = loop
        self.rate = rate
        self.ahead_s = ahead_s
        """How far the wall clock is ahead of true time, drift apart."""

    def monotonic_ms(self) -> int:
        """Drifts, never jumps."""
        return int(self._loop.time() * 1000 * self.rate + 1e-6)

    def wall_s(self) -> int:
        """Drifts and jumps."""
        return START_S + self.ahead_s + int(self._loop.time() * self.rate + 1e-9)


class Lane:
    """`node.driver.ports.Offload`: one piece of work at a time, each takes its time.

    The work itself happens at one moment, when its time has passed. After `cut` none
    begins any more: the host has crashed.
    """

    def __init__(self, latency_s: Callable[[], float]) -> None:
        self._latency_s = latency_s
        self._lock = asyncio.Lock()
        self._is_cut = False

    def __call__(self, work: Callable[[], T]) -> Awaitable[T]:
        """Run the work in its turn; await its result."""
        return self._run(work)

    def cut(self) -> None:
        """Let no further work begin."""
        self._is_cut = True

    async def _run(self, work: Callable[[], T]) -> T:
        if not self._is_cut:
            async with self._lock:
                if wait_s := self._latency_s():
                    await asyncio.sleep(wait_s)
        if self._is_cut:
            raise asyncio.CancelledError
        return work()
