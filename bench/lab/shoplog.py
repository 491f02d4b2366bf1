"""A sequence diagram of a lesson on servers: faults, states, offices, and the first and
last requests around them.

Shoppers' requests are far too many to draw; drawn is, for each operation and each act,
the last that worked before, the first that failed, and the first that worked again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.history.record import Record
from bench.lab.sequence import Step

SHOPPERS, TEACHER = "shoppers", "teacher"
NS = 1_000_000_000
SHOWN = ("browse", "place_order")


@dataclass(frozen=True, slots=True)
class _Request:
    sent_s: float
    ended_s: float
    ok: bool
    error: str


def steps_of_shop(
    happened: Sequence[dict[str, Any]],
    records: Sequence[Record],
    spans: Sequence[tuple[float, float]],
    entrance: str,
) -> list[Step]:
    """Steps of all acts; `spans` are (begun, undone) in seconds of the load."""
    steps = [step for line in happened if (step := _step(line)) is not None]
    for operation in SHOWN:
        requests = _requests(records, operation)
        for begun_s, ended_s in spans:
            steps += _around(requests, operation, entrance, (begun_s, ended_s))
    return sorted(steps, key=lambda step: step.at_s)


def lanes_of_shop(components: Sequence[str], entrance: str) -> list[str]:
    """Teacher and shoppers first, then the entrance, then the rest."""
    rest = [name for name in components if name != entrance]
    return [TEACHER, SHOPPERS, entrance, *rest]


def _step(line: dict[str, Any]) -> Step | None:
    at_s, component = line["at_ns"] / NS, str(line["component"])
    match line["event"]:
        case "asked":
            return Step(at_s, TEACHER, (component,), str(line["fault"]))
        case "dead":
            return Step(at_s, component, (), f"is dead ({line['exit']})")
        case "primary" if line.get("before"):
            return Step(at_s, component, (), f"is the primary, after {line['before']}")
        case "primary":
            return Step(at_s, component, (), "is the primary")
        case "running":
            return Step(at_s, component, (), "runs again")
    return None


def _requests(records: Sequence[Record], operation: str) -> list[_Request]:
    found = [
        _Request(
            attempt.sent_ns / NS,
            attempt.ended_ns / NS,
            attempt.outcome == "ok",
            attempt.error or attempt.outcome,
        )
        for record in records
        if record.operation == operation
        for attempt in record.attempts
    ]
    return sorted(found, key=lambda request: request.ended_s)


def _around(
    requests: Sequence[_Request],
    operation: str,
    entrance: str,
    span: tuple[float, float],
) -> list[Step]:
    """Few requests that tell what this operation saw of one fault."""
    begun_s, _ = span
    word = operation.replace("_", " ")
    failed = [r for r in requests if not r.ok and r.ended_s >= begun_s]
    failed = [r for r in failed if r.sent_s < span[1] + 1.0]
    if not failed:
        return []
    steps = [
        Step(
            failed[0].ended_s,
            entrance,
            (SHOPPERS,),
            f"first {word} not served: {failed[0].error[:40]}",
        )
    ]
    last = failed[-1]
    after = [r for r in requests if r.ok and r.sent_s >= last.sent_s]
    if after:
        count = len(failed)
        steps.append(
            Step(
                after[0].ended_s,
                entrance,
                (SHOPPERS,),
                f"{word} served again, {count} not served in between",
            )
        )
    return steps
