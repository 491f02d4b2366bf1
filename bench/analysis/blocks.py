"""The blocks of a chain through the load: how often, and the longest silence."""

from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Blocks:
    """What was seen of a chain. Moments are seconds since the start of the load, when
    the client had each block and its receipts."""

    final_s: list[float]
    median_interval_s: float | None
    longest_gap_s: float | None
    longest_gap_from_s: float | None
    largest: int
    transactions: int
    signed_anew: int


def blocks_of(observations: list[dict[str, Any]], load_s: float) -> Blocks | None:
    """The blocks that became final during the load; None for a world without blocks."""
    seen = sorted(
        (line["final_ns"] / 1e9, line["transactions"])
        for line in observations
        if "final_ns" in line and 0 <= line["final_ns"] / 1e9 <= load_s
    )
    if not seen:
        return None
    moments = [moment for moment, _ in seen]
    gaps = [(after - before, before) for before, after in pairwise(moments)]
    longest = max(gaps, default=None)
    return Blocks(
        moments,
        median(gap for gap, _ in gaps) if gaps else None,
        None if longest is None else longest[0],
        None if longest is None else longest[1],
        max(count for _, count in seen),
        sum(count for _, count in seen),
        sum(line.get("signed_anew", 0) for line in observations),
    )
