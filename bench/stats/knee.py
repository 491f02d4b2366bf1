"""The search for the knee, as a pure decision: which rate to try next.

Double until a rate is refused, then halve the gap between the highest sustained and the
lowest refused one until they are close enough. The knee is the highest rate that was
sustained, never an interpolation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.scenario.model import KneeSearch

HALVINGS_DOWN = 4  # how far below its start a search goes before it finds nothing


@dataclass(frozen=True, slots=True)
class Tried:
    """One rate that was tried."""

    sessions_per_s: float
    sustained: bool


def knee_of(tried: Sequence[Tried]) -> float | None:
    """The highest sustained rate below every refused one; None if there is none."""
    refused = lowest_refused(tried)
    held = [
        t.sessions_per_s
        for t in tried
        if t.sustained and (refused is None or t.sessions_per_s < refused)
    ]
    return max(held, default=None)


def lowest_refused(tried: Sequence[Tried]) -> float | None:
    """The lowest rate that was not sustained; None if none was refused."""
    return min((t.sessions_per_s for t in tried if not t.sustained), default=None)


def next_rate(search: KneeSearch, tried: Sequence[Tried]) -> float | None:
    """The rate to try next; None when the search is over."""
    if not tried:
        return search.start_sessions_per_s
    if len(tried) >= search.probes_max:
        return None
    held, refused = knee_of(tried), lowest_refused(tried)
    if refused is None:
        assert held is not None, "what was not refused was sustained"
        if held >= search.sessions_per_s_max:
            return None
        return min(2 * held, search.sessions_per_s_max)
    if held is None:
        lower = refused / 2
        floor = search.start_sessions_per_s / 2**HALVINGS_DOWN
        return lower if lower >= floor else None
    return None if refused / held <= search.resolution else (held + refused) / 2
