"""The trial's clock: nanoseconds since the start of the load, monotonic."""

import gc
import time
from dataclasses import dataclass

from bench.load.timer import PreciseTimer

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Clock:
    """`start_ns` is the monotonic moment of zero; `wall_s` the same in Unix time."""

    start_ns: int
    wall_s: float
    timer: PreciseTimer

    @classmethod
    def starting_in(cls, delay_s: float, timer: PreciseTimer) -> "Clock":
        """A clock whose zero is a moment ahead."""
        gc.collect()  # before, so that the beginning does not fall into a collection
        ahead_ns = int(delay_s * NS_PER_S)
        return cls(time.monotonic_ns() + ahead_ns, time.time() + delay_s, timer)

    def now_ns(self) -> int:
        """Nanoseconds since the start of the load; negative before it."""
        return time.monotonic_ns() - self.start_ns

    async def sleep_until(self, moment_ns: int) -> None:
        """Return at the moment, or at once if it has passed."""
        await self.timer.sleep_until(self.start_ns + moment_ns)
