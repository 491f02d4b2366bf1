"""What time a dev chain's next block has.

The wall clock plus an offset that tests move; a timestamp set for the next block alone;
or a fixed step from block to block. Always above the parent's: contracts under test
take that for granted.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class ClockState:
    """All of it, in seconds; a snapshot keeps it."""

    offset_s: int = 0
    next_s: int | None = None
    step_s: int | None = None


class TimeGoesBack(ValueError):
    """The timestamp asked for is not above the newest block's."""


def wall_s() -> int:
    """Seconds since 1970."""
    return int(time.time())


class DevClock:
    """See the module's docstring; `now` is injected."""

    def __init__(self, now: Callable[[], int] = wall_s) -> None:
        self._now = now
        self.state = ClockState()

    def next_timestamp(self, parent_s: int) -> int:
        """Of the next block, without using anything up."""
        state = self.state
        if state.next_s is not None:
            return state.next_s
        if state.step_s is not None:
            return parent_s + state.step_s
        return max(parent_s + 1, self._now() + state.offset_s)

    def sealed(self, timestamp_s: int) -> None:
        """A block has this timestamp; after one that was set, time goes on from it."""
        if self.state.next_s is not None:
            offset = timestamp_s - self._now()
            self.state = replace(self.state, next_s=None, offset_s=offset)

    def increase(self, by_s: int, parent_s: int) -> int:
        """Move the offset; returns the new one. The move is from the newest block's
        time where that is ahead, as it is after many blocks in a second."""
        now = self._now()
        from_s = max(now + self.state.offset_s, parent_s)
        self.state = replace(self.state, offset_s=from_s + by_s - now)
        return self.state.offset_s

    def set_time(self, to_s: int) -> int:
        """Let now be `to_s`; returns the new offset."""
        self.state = replace(self.state, offset_s=to_s - self._now(), next_s=None)
        return self.state.offset_s

    def set_next(self, to_s: int, parent_s: int) -> None:
        """The timestamp of the next block alone. Raises TimeGoesBack."""
        if to_s <= parent_s:
            raise TimeGoesBack(
                f"timestamp error: {to_s} is not above the previous block's {parent_s}"
            )
        self.state = replace(self.state, next_s=to_s)

    def set_step(self, step_s: int | None) -> bool:
        """A fixed distance between blocks, or none; whether there was one."""
        had = self.state.step_s is not None
        self.state = replace(self.state, step_s=step_s)
        return had
