"""An event loop whose clock moves only when nothing is left to do, and clocks on it.

The promise: no real waiting, no thread, no socket, and the same order of callbacks in
every run: timers of one moment ring in the order in which they were set. A node's own
clock is the loop's time with its own rate (drift) and, for the wall clock alone, its
own offset (jumps). A process can be paused: its callbacks, which are known by their
context (`OWNER`), wait until it is resumed, in their order, while time goes on.
"""

import asyncio
import heapq
from asyncio import base_events, events
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
OWNER: ContextVar[str] = ContextVar("OWNER", default="")
"""The process that a callback belongs to; "" for the world itself."""

START_S = 1_800_000_000
"""Seconds since 1970 at the beginning of every simulation."""


class NothingLeft(Exception):
    """Every task waits for something that never comes."""


class _Call(events.Handle):
    """asyncio's, made without asking for its debug mode."""

    __slots__ = ()

    def __init__(
        self,
        callback: Callable[..., object],
        args: Sequence[Any],
        loop: "VirtualLoop",
        context: Context | None,
    ) -> None:
        self._callback, self._args, self._loop = callback, args, loop
        self._context = copy_context() if context is None else context
        self._cancelled = False
        self._repr = self._source_traceback = None


class _Timer(events.TimerHandle):
    """Likewise."""

    __slots__ = ()

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: Sequence[Any],
        loop: "VirtualLoop",
        context: Context | None,
    ) -> None:
        self._callback, self._args, self._loop = callback, args, loop
        self._context = copy_context() if context is None else context
        self._cancelled = self._scheduled = False
        self._repr = self._source_traceback = None
        self._when = when


class VirtualLoop(base_events.BaseEventLoop):
    """Run a simulation with `run_until_complete`."""

    def __init__(self) -> None:
        super().__init__()
        self._now_s = 0.0
        self._timers: list[tuple[float, int, events.TimerHandle]] = []
        self._timers_set = 0
        self._ready: deque[events.Handle] = deque()
        self._held: dict[str, list[events.Handle]] = {}
        """Callbacks of paused processes that would have run."""
        self.set_debug(False)
        self.failures: list[str] = []
        """What callbacks raised, and tasks whose exception nobody took."""
        self.set_exception_handler(self._on_failure)

    def time(self) -> float:
        """Virtual seconds since the beginning."""
        return self._now_s

    @property
    def now_ms(self) -> int:
        """Virtual milliseconds since the beginning."""
        return int(self._now_s * 1000 + 1e-6)

    def is_paused(self, owner: str) -> bool:
        """Whether the process stands still."""
        return owner in self._held

    def pause(self, owner: str) -> None:
        """From now on nothing of this process runs; asking twice is asking once."""
        self._held.setdefault(owner, [])

    def resume(self, owner: str) -> None:
        """Run what waited, in its order, and go on."""
        self._ready.extend(self._held.pop(owner, []))

    def call_soon(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> events.Handle:
        """In the next turn, after what waits already."""
        handle = _Call(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> events.TimerHandle:
        """A timer from now."""
        when = self._now_s + delay
        timer = _Timer(when, callback, args, self, context)
        self._timers_set += 1
        heapq.heappush(self._timers, (when, self._timers_set, timer))
        return timer

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> events.TimerHandle:
        """A timer; those of one moment ring in the order in which they were set."""
        timer = _Timer(when, callback, args, self, context)
        self._timers_set += 1
        heapq.heappush(self._timers, (when, self._timers_set, timer))
        return timer

    def _run_once(self) -> None:
        """Turns until the loop is told to stop: each moves the time if nothing is
        ready, and runs what is."""
        ready, timers = self._ready, self._timers
        while not self._stopping:  # type: ignore[attr-defined]
            while timers and timers[0][2]._cancelled:
                heapq.heappop(timers)
            if not ready:
                if not timers:
                    raise NothingLeft("every task waits for what never comes")
                self._now_s = max(self._now_s, timers[0][0])
            while timers and timers[0][0] <= self._now_s:
                ready.append(heapq.heappop(timers)[2])
            for _ in range(len(ready)):
                handle = ready.popleft()
                if handle._cancelled:
                    continue
                if self._held and (owner := _owner_of(handle)) in self._held:
                    self._held[owner].append(handle)
                else:
                    handle._run()

    def _timer_handle_cancelled(self, _: events.TimerHandle) -> None:
        """It is dropped when its time comes."""

    def _process_events(self, _: list[object]) -> None:
        """There are none: nothing happens outside."""

    def _write_to_self(self) -> None:
        """There is no other thread to be woken by."""

    def _on_failure(self, _: object, context: dict[str, object]) -> None:
        error = context.get("exception")
        self.failures.append(f"{context.get('message')}: {error!r}")


def _owner_of(handle: events.Handle) -> str:
    context: Context = handle._context  # type: ignore[attr-defined]
    return context.get(OWNER, "")


class NodeClock:
    """`node.driver.ports.Clock` of one host; `rate` 1.01 runs a hundredth too fast."""

    def __init__(self, loop: VirtualLoop, rate: float = 1.0, ahead_s: int = 0) -> None:
        self._loop = loop
        self.rate = rate
        self.ahead_s = ahead_s
        """How far the wall clock is ahead of true time, drift apart."""

    def monotonic_ms(self) -> int:
        """Drifts, never jumps."""
        return int(self._loop._now_s * 1000 * self.rate + 1e-6)

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
