"""Tasks and alarms beside the loop: ended together, never failing unseen."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from node.driver.ports import Clock


class Background:
    """Tasks of one driver. The first exception of any ends the node."""

    def __init__(self, on_failure: Callable[[BaseException], None]) -> None:
        self._on_failure = on_failure
        self._tasks: dict[asyncio.Task[None], int] = {}  # task -> height, or -1

    def spawn(self, work: Coroutine[Any, Any, None], height: int = -1) -> None:
        """Run it; one that is bound to a height is cancelled when that is final."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = height
        task.add_done_callback(self._done)

    def cancel_through(self, height: int) -> None:
        """End the tasks bound to this height or a lower one."""
        for task, bound in list(self._tasks.items()):
            if 0 <= bound <= height:
                task.cancel()

    async def close(self) -> None:
        """End all, and wait until they have."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_failure(error)


class Alarm:
    """Calls back at one moment of the monotonic clock; setting it again moves it."""

    def __init__(self, clock: Clock, on_due: Callable[[], None]) -> None:
        self._clock = clock
        self._on_due = on_due
        self._handle: asyncio.TimerHandle | None = None
        self._deadline_ms: int | None = None

    def set(self, deadline_ms: int | None) -> None:
        """When to ring next; None: not at all."""
        if deadline_ms == self._deadline_ms and deadline_ms is not None:
            return
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._deadline_ms = deadline_ms
        if deadline_ms is not None:
            self._arm(deadline_ms)

    def _arm(self, deadline_ms: int) -> None:
        wait_ms = max(0, deadline_ms - self._clock.monotonic_ms())
        loop = asyncio.get_running_loop()
        self._handle = loop.call_later(wait_ms / 1000, self._ring)

    def _ring(self) -> None:
        deadline_ms = self._deadline_ms
        if deadline_ms is None:
            return
        if self._clock.monotonic_ms() < deadline_ms:  # the loop's clock runs ahead
            self._arm(deadline_ms)
            return
        self._handle = self._deadline_ms = None
        self._on_due()
