"""What a node counts and times of itself, for the metrics: plain numbers, all bounded.

The parts of the driver write here as things happen, on its loop; a scrape reads. Labels
come from fixed sets (kinds of messages, reasons, names of events), so that no peer can
make them many. Durations are seconds of the loop's clock; in a simulation no time
passes within a step.
"""

from bisect import bisect_left
from collections import Counter

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Upper bounds of the buckets of every histogram; above the last comes infinity."""
FIRST_ROUNDS = 4
"""Rounds counted by themselves; all later ones are counted together."""


class Histogram:
    """Durations by bucket, and their sum."""

    __slots__ = ("buckets", "sum_s")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS_S) + 1)
        self.sum_s = 0.0

    @property
    def bounds_s(self) -> tuple[float, ...]:
        """Upper bounds of the buckets but the last."""
        return BOUNDS_S

    def observe(self, seconds: float) -> None:
        """Count one."""
        self.buckets[bisect_left(BOUNDS_S, seconds)] += 1
        self.sum_s += seconds

    @property
    def count(self) -> int:
        """How many were counted."""
        return sum(self.buckets)


class Measures:
    """Of one driver, since it was made."""

    def __init__(self) -> None:
        self.commit_rounds: Counter[str] = Counter()
        """Blocks by the round that committed them."""
        self.late_messages: Counter[str] = Counter()
        """Consensus messages of heights that were final already, by kind."""
        self.pool_refused: Counter[str] = Counter()
        """Transactions that were not admitted, by reason."""
        self.evidence: Counter[str] = Counter()
        """Double signatures noticed since the start, by kind of message."""
        self.round_s = Histogram()
        self.write_s = Histogram()
        """Durable writes: waiting for the disk's turn, writing, fsync."""
        self.step_s: dict[str, Histogram] = {}
        """Steps of the engine, by the event that was taken in."""
        self._place = (0, 0)
        self._since_ms: int | None = None

    def committed(self, round_: int) -> None:
        """A block became final by COMMITs of this round."""
        label = str(round_) if round_ < FIRST_ROUNDS else f"{FIRST_ROUNDS}+"
        self.commit_rounds[label] += 1

    def stepped(self, event: str, seconds: float) -> None:
        """The engine took in an event."""
        found = self.step_s.get(event)
        if found is None:
            found = self.step_s[event] = Histogram()
        found.observe(seconds)

    def entered(self, height: int, round_: int, now_ms: int) -> None:
        """The engine is in this round; when that is news, the one before ended."""
        if (height, round_) == self._place:
            return
        self.left(now_ms)
        self._place, self._since_ms = (height, round_), now_ms

    def left(self, now_ms: int) -> None:
        """The round ended, with its height or for the next one."""
        if self._since_ms is not None:
            self.round_s.observe((now_ms - self._since_ms) / 1000)
            self._since_ms = None

    def counters(self) -> dict[str, dict[str, int]]:
        """Family -> label -> count, under the names of `node.metrics`."""
        return {
            "commit_rounds": dict(self.commit_rounds),
            "late_messages": dict(self.late_messages),
            "pool_refused": dict(self.pool_refused),
            "evidence": dict(self.evidence),
        }

    def histograms(self) -> dict[str, dict[str, Histogram]]:
        """Family -> label -> durations; "" where a family has no label."""
        return {
            "round_seconds": {"": self.round_s},
            "durable_write_seconds": {"": self.write_s},
            "step_seconds": dict(self.step_s),
        }
