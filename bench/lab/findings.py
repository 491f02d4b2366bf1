"""What a lesson showed, in figures and in sentences that follow from them."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bench.checks.orders import OrderVerdict, check_orders
from bench.lab.chainlog import Final, finals
from bench.lab.course import Course, Played
from bench.report.words import milliseconds, plural, seconds
from bench.spof.verdict import (
    OperationVerdict,
    Span,
    Word,
    operation_verdict,
    usual_p99s,
    well_again_s,
)

HEADER = ["act", "operation", "did", "served", "of", "p99", "usual p99", "longest gap"]


@dataclass(frozen=True, slots=True)
class Findings:
    """Figures of a lesson on real processes."""

    usual_p99_ms: dict[str, float | None]
    acts: tuple[dict[str, OperationVerdict], ...]
    well_again_s: tuple[float | None, ...]
    orders: OrderVerdict
    finals: dict[int, Final]


def findings_of(course: Course) -> Findings:
    """Everything that is said of a lesson, computed from its raw samples."""
    usual = usual_p99s(course.records, course.operations, [Span(*course.quiet)])
    acts = tuple(
        {
            name: operation_verdict(course.records, name, _span(played), usual[name])
            for name in course.operations
        }
        for played in course.played
    )
    again = tuple(
        well_again_s(course.records, _span(played), played.watched_to_s)
        if played.is_well
        else None
        for played in course.played
    )
    orders = check_orders(course.records, course.audit.orders)
    return Findings(usual, acts, again, orders, finals(course.heard))


def _span(played: Played) -> Span:
    return Span(played.begun_s, played.ended_s)


def table_of(course: Course, found: Findings) -> list[str]:
    """A row for each act and operation."""
    rows = [
        ["act", "operation", "did", "served", "of", "p99", "usual p99", "longest gap"]
    ]
    for number, act in enumerate(found.acts, 1):
        for name, verdict in act.items():
            rows.append(
                [
                    str(number),
                    name.replace("_", " "),
                    verdict.word.value,
                    str(verdict.ok),
                    str(verdict.asked),
                    milliseconds(verdict.p99_ms),
                    milliseconds(found.usual_p99_ms[name]),
                    seconds(round(verdict.outage_s, 1)),
                ]
            )
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return [
        "  ".join(word.ljust(w) for word, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def sentences(course: Course, found: Findings) -> list[str]:
    """What can be said, and nothing that was only expected."""
    lines = []
    acts = zip(course.played, found.acts, found.well_again_s, strict=True)
    for number, (played, act, again_s) in enumerate(acts, 1):
        lines.append(f"Act {number}, {_act_sentence(played, act, again_s)}")
        if found.finals:
            lines.append(_blocks_sentence(found.finals, _span(played)))
    lines.append(_orders_sentence(found.orders))
    forked = [height for height, f in found.finals.items() if len(f.digests) > 1]
    if forked:
        lines.append(f"THE CHAIN FORKED: two final blocks at {forked}.")
    elif found.finals:
        lines.append(
            f"{plural(len(found.finals), 'height')} became final, each with one block "
            "on all nodes whose logs were read."
        )
    return lines


def _act_sentence(
    played: Played, act: dict[str, OperationVerdict], again_s: float | None
) -> str:
    by_word: dict[Word, list[str]] = {}
    for name, verdict in act.items():
        by_word.setdefault(verdict.word, []).append(name.replace("_", " "))
    told = "; ".join(f"{word.value}: {', '.join(by_word[word])}" for word in by_word)
    longest = max(verdict.outage_s for verdict in act.values())
    again = "not well again while it was watched"
    if again_s is not None:
        again = f"well again {seconds(round(again_s, 1))} after its end"
    return (
        f"{played.act.fault} of {played.component} for "
        f"{seconds(round(played.ended_s - played.begun_s, 1))} (by {played.method}): "
        f"{told}. Longest time in which an operation was asked for and not served: "
        f"{seconds(round(longest, 1))}; {again}."
    )


def _blocks_sentence(found: dict[int, Final], span: Span) -> str:
    during = [f for f in found.values() if span.begun_s <= f.at_s < span.ended_s]
    changed = sum(f.round > 0 for f in during)
    moments = [span.begun_s, *sorted(f.at_s for f in during), span.ended_s]
    gap = max(after - before for before, after in pairwise(moments))
    return (
        f"Meanwhile {plural(len(during), 'block')} became final, {changed} of them "
        f"after a change of round; the longest time without one was "
        f"{seconds(round(gap, 1))}."
    )


def _orders_sentence(orders: OrderVerdict) -> str:
    return (
        f"{plural(orders.acknowledged, 'order')} acknowledged: "
        f"{len(orders.lost)} lost, {len(orders.duplicated)} there twice, "
        f"{len(orders.altered)} altered. Of those without an answer, "
        f"{len(orders.recovered)} are there and {len(orders.unknown)} are not."
    )


def as_json(course: Course, found: Findings) -> dict[str, Any]:
    """All figures as plain data."""
    return {
        "target": course.descriptor.rung,
        "durability": course.descriptor.durability,
        "usual_p99_ms": found.usual_p99_ms,
        "acts": [
            {
                "fault": played.act.fault,
                "component": played.component,
                "method": played.method,
                "begun_s": played.begun_s,
                "ended_s": played.ended_s,
                "well_again_s": again_s,
                "operations": {name: v.as_json() for name, v in act.items()},
            }
            for played, act, again_s in zip(
                course.played, found.acts, found.well_again_s, strict=True
            )
        ],
        "orders": {
            "acknowledged": found.orders.acknowledged,
            "there": found.orders.there,
            **{
                name: len(getattr(found.orders, name))
                for name in (
                    "lost",
                    "duplicated",
                    "unexpected",
                    "altered",
                    "recovered",
                    "unknown",
                )
            },
        },
        "finals": {
            str(height): {
                "at_s": final.at_s,
                "round": final.round,
                "digests": sorted(final.digests),
            }
            for height, final in sorted(found.finals.items())
        },
    }


def went_well(found: Findings) -> bool:
    """True if nothing happened that must never happen, whatever was broken."""
    forked = [f for f in found.finals.values() if len(f.digests) > 1]
    return found.orders.passes and not forked
