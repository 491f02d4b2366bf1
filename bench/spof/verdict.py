"""What each operation did while one component was broken: a word, and its figures.

Pure: from records and the moments of a fault to a verdict. The words, for one operation
between the injection and the healing:

- works: at least 99 % of its requests succeeded, and their p99 stayed within twice the
  undisturbed one, or within what a shopper does not notice;
- degraded: less than that, but requests succeeded again before the fault ended: the
  rest of the system took over (`outage_s` says for how long it did not serve);
- stops: none succeeded in the last third of the fault, and since the last that did,
  others were made in vain;
- loses data: an acknowledged order was not there, or another, afterwards.

A verdict holds for the length of this fault and this load and no longer: what recovers
by itself after a minute reads "stops" if the fault lasted half of one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

from bench.history.record import Record
from bench.stats.windows import GOOD_SHARE, SLOWDOWN_MAX, rank_quantile_ms

NOTICEABLE_MS = 250.0
IN_VAIN_MIN = 2  # one request that failed proves no standstill
NS = 1_000_000_000


class Word(StrEnum):
    """What an operation did."""

    WORKS = "works"
    DEGRADED = "degraded"
    STOPS = "stops"
    LOSES = "loses data"
    NOT_ASKED = "not asked"


@dataclass(frozen=True, slots=True)
class OperationVerdict:
    """One operation during one fault; times in seconds and ms, counts are requests."""

    word: Word
    asked: int
    ok: int
    p99_ms: float | None
    outage_s: float

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "word": self.word.value}


@dataclass(frozen=True, slots=True)
class Span:
    """When a fault was on, in seconds of the load."""

    begun_s: float
    ended_s: float


def operation_verdict(
    records: Sequence[Record], operation: str, span: Span, usual_p99_ms: float | None
) -> OperationVerdict:
    """The verdict on one operation, from its requests that were sent in the span."""
    requests = sorted(
        (a.sent_ns / NS, a.ended_ns / NS, a.outcome == "ok")
        for record in records
        if record.operation == operation
        for a in record.attempts
        if span.begun_s <= a.sent_ns / NS < span.ended_s
    )
    # What was answered only after the healing was not answered during the fault.
    served = [(s, e) for s, e, ok in requests if ok and e < span.ended_s]
    served.sort(key=lambda request: request[1])
    latencies = [int((e - s) * NS) for s, e in served]
    p99_ms = rank_quantile_ms(latencies, 0.99)
    failed_s = [s for s, e, ok in requests if not (ok and e < span.ended_s)]
    outage_s = _longest_gap([e for _, e in served], failed_s, span)
    # A request of the last moments had no time to be answered before the healing.
    limit_ms = max(NOTICEABLE_MS, SLOWDOWN_MAX * (usual_p99_ms or 0.0))
    judged = [
        (s, e < span.ended_s and ok)
        for s, e, ok in requests
        if s < span.ended_s - limit_ms / 1000
    ]
    return OperationVerdict(
        _word(span, judged, [e for _, e in served], (p99_ms, limit_ms)),
        len(requests),
        len(served),
        p99_ms,
        outage_s,
    )


def _word(
    span: Span,
    judged: Sequence[tuple[float, bool]],
    served_s: Sequence[float],
    slowness: tuple[float | None, float],
) -> Word:
    """The word for requests given as (when sent, whether served in time)."""
    if not judged:
        return Word.NOT_ASKED
    if not served_s:
        return Word.STOPS
    last_third_s = span.ended_s - (span.ended_s - span.begun_s) / 3
    in_vain = sum(sent_s > served_s[-1] for sent_s, _ in judged)
    if served_s[-1] < last_third_s and in_vain >= IN_VAIN_MIN:
        return Word.STOPS
    p99_ms, limit_ms = slowness
    is_quick = p99_ms is not None and p99_ms <= limit_ms
    if sum(ok for _, ok in judged) >= GOOD_SHARE * len(judged) and is_quick:
        return Word.WORKS
    return Word.DEGRADED


def _longest_gap(
    served_s: Sequence[float], failed_s: Sequence[float], span: Span
) -> float:
    """The longest time between two served requests in which one was not served (if
    nobody asks, nobody misses anything)."""
    moments = [span.begun_s, *sorted(served_s), span.ended_s]
    gaps = [
        after - before
        for before, after in pairwise(moments)
        if any(before <= at_s <= after for at_s in failed_s)
    ]
    return max(gaps, default=0.0)


def well_again_s(records: Sequence[Record], span: Span, watched_to_s: float) -> float:
    """How long after the fault's end requests still failed: from the end to when the
    last failed request was over, of those sent before `watched_to_s`."""
    ends = [
        attempt.ended_ns / NS
        for record in records
        for attempt in record.attempts
        if attempt.outcome != "ok"
        and span.begun_s <= attempt.sent_ns / NS < watched_to_s
    ]
    return max(0.0, max(ends, default=0.0) - span.ended_s)


def usual_p99s(
    records: Sequence[Record], operations: Sequence[str], quiet: Sequence[Span]
) -> dict[str, float | None]:
    """The p99 of each operation's requests in undisturbed spans, in ms."""
    usual: dict[str, float | None] = {}
    for operation in operations:
        latencies = [
            attempt.ended_ns - attempt.sent_ns
            for record in records
            if record.operation == operation
            for attempt in record.attempts
            if attempt.outcome == "ok"
            and any(s.begun_s <= attempt.sent_ns / NS < s.ended_s for s in quiet)
        ]
        usual[operation] = rank_quantile_ms(latencies, 0.99)
    return usual


def with_loss(
    verdicts: Mapping[str, OperationVerdict], lost: Sequence[str]
) -> dict[str, OperationVerdict]:
    """The same, but orders that were lost outweigh whatever else placing them did."""
    found = dict(verdicts)
    if lost and "place_order" in found:
        placed = found["place_order"]
        found["place_order"] = OperationVerdict(
            Word.LOSES, placed.asked, placed.ok, placed.p99_ms, placed.outage_s
        )
    return found
