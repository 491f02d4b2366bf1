"""What is planted in the synthetic target, and the log of what really happened there.

Planting is by the order in which new references arrive, so every count is exact. The
log is the truth that tests hold the harness against; the harness itself never reads it.
"""

from dataclasses import dataclass
from random import Random

# What the n-th new reference meets, by n modulo the period below.
PERIOD = 40
LOST = 7  # acknowledged, never stored
DUPLICATED = 17  # acknowledged, stored twice
ORPHANED = 27  # stored, the connection drops before the answer, at every attempt
VANISHED = 37  # the connection drops and nothing is stored, at every attempt


@dataclass(frozen=True, slots=True)
class Truth:
    """`latency_median_ms` and `latency_sigma` of a log-normal; `plants` turns the
    planted wrongs on."""

    latency_median_ms: float = 0.0
    latency_sigma: float = 0.5
    plants: bool = False
    seed: int = 1

    def plant(self, arrival: int) -> str:
        """The wrong that the arrival-th new reference (from 0) meets; "" for none."""
        if not self.plants:
            return ""
        return {
            LOST: "lost",
            DUPLICATED: "duplicated",
            ORPHANED: "orphaned",
            VANISHED: "vanished",
        }.get(arrival % PERIOD, "")


class Delays:
    """The planted latencies, in ms, one after another."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._random = Random(truth.seed)

    def next_ms(self) -> float:
        """The next planted latency; 0 if none is planted."""
        if self._truth.latency_median_ms <= 0:
            return 0.0
        factor = self._random.lognormvariate(0.0, self._truth.latency_sigma)
        return self._truth.latency_median_ms * factor
