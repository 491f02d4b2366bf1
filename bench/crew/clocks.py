"""How far a generator's clock is from ours, and how well that is known.

We ask for its time and note when we asked and when the answer came: it was read in
between. The quickest of several answers bounds the offset best, to half of what it took
(Cristian, "Probabilistic clock synchronization", 1989). Monotonic clocks are compared
for the start of the load, wall clocks to be reported.
"""

from collections.abc import Sequence
from dataclasses import dataclass

NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Ping:
    """One question: asked and answered on our monotonic clock, our wall clock when it
    was answered, and both clocks of the generator's; all in ns."""

    asked_ns: int
    answered_ns: int
    wall_ns: int
    their_monotonic_ns: int
    their_wall_ns: int

    @property
    def took_ns(self) -> int:
        """There and back."""
        return self.answered_ns - self.asked_ns


@dataclass(frozen=True, slots=True)
class Offset:
    """Their monotonic clock is `monotonic_ns` ahead of ours, and their wall clock
    `wall_ms` ahead of ours, both known to within `known_to_ms` either way."""

    monotonic_ns: int
    wall_ms: float
    known_to_ms: float


def offset_of(pings: Sequence[Ping]) -> Offset:
    """The offset by the quickest answer."""
    best = min(pings, key=lambda ping: ping.took_ns)
    half_ns = best.took_ns // 2
    return Offset(
        monotonic_ns=best.their_monotonic_ns - (best.asked_ns + half_ns),
        wall_ms=(best.their_wall_ns - (best.wall_ns - half_ns)) / NS_PER_MS,
        known_to_ms=best.took_ns / 2 / NS_PER_MS,
    )
