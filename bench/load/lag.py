"""The generator's watch on itself: is the instrument slower than what it measures?

A task wakes every few milliseconds and notes how late it woke; any stall of the event
loop (a slow callback, a collected heap, a machine without a free core) shows there even
if no operation was due. Together with the lag of each operation's first request and the
process's CPU share this decides whether a trial is valid.
"""

import asyncio
import time

from bench.history.files import LineWriter
from bench.load.clock import NS_PER_S, Clock

TICK_MS = 10.0


class LagWatch:
    """Writes one line a second: every wake-up's lateness in microseconds, and CPU."""

    def __init__(self, clock: Clock, out: LineWriter) -> None:
        self._clock = clock
        self._out = out
        self._lags_us: list[int] = []
        self._second = 0
        self._cpu_ns = time.process_time_ns()

    async def run(self) -> None:
        """Watch until cancelled; the last, partial second is written too."""
        tick_ns = int(TICK_MS * 1e6)
        due_ns = max(0, self._clock.now_ns()) + tick_ns
        await self._clock.sleep_until(0)
        self._cpu_ns = time.process_time_ns()
        try:
            while True:
                await self._clock.sleep_until(due_ns)
                now_ns = self._clock.now_ns()
                self._note(now_ns, max(0, now_ns - due_ns))
                # A long stall is one late wake-up for each tick that it swallowed.
                due_ns += tick_ns
        except asyncio.CancelledError:
            self._write()
            raise

    def _note(self, now_ns: int, lag_ns: int) -> None:
        second = now_ns // NS_PER_S
        if second != self._second:
            self._write()
            self._second = second
        self._lags_us.append(lag_ns // 1000)

    def _write(self) -> None:
        cpu_ns = time.process_time_ns()
        self._out.line(
            {
                "second": self._second,
                "lags_us": self._lags_us,
                "generator_cpu_ms": (cpu_ns - self._cpu_ns) / 1e6,
            }
        )
        self._cpu_ns, self._lags_us = cpu_ns, []
