"""The schedule of a run, decided in full before the first request: a pure function.

Partly open, as shops are: sessions arrive by a Poisson process whatever the target
does; the steps inside a session are closed (the next begins a think time after the last
was answered). The same scenario, seed and catalogue size give the same plan, byte for
byte, for every target: both worlds face the same shoppers.

Source: Schroeder, Wierman, Harchol-Balter, "Open Versus Closed: A Cautionary Tale",
NSDI 2006 (partly open systems); thinning after Lewis and Shedler, 1979.
"""

import hashlib
import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from bench.scenario.model import RatePoint, Scenario, SessionKind


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of a session.

    `design` is a position in the catalogue, most wanted first; `reference` is the
    buyer's 32-byte idempotency key as hex, the same in both worlds.
    """

    operation: str
    think_ms: float
    design: int
    quantity: int
    reference: str


@dataclass(frozen=True, slots=True)
class Session:
    """One visit: arrives at `start_s` and takes its steps in order as `customer`."""

    number: int
    start_s: float
    customer: int
    kind: str
    steps: tuple[Step, ...]


def make_plan(scenario: Scenario, seed: int, designs: int) -> tuple[Session, ...]:
    """All sessions of a run in order of arrival; `designs` is the catalogue's size."""
    arrivals = Random(f"{seed}/arrivals")
    choices = Random(f"{seed}/choices")
    weights = tuple(accumulate(kind.weight for kind in scenario.sessions))
    wanted = zipf_cumulative(designs, scenario.zipf_exponent)
    sessions = []
    for number, start_s in enumerate(
        arrival_times(arrivals, scenario.arrivals, scenario.phases.load_s)
    ):
        kind = scenario.sessions[_pick(choices, weights)]
        steps = _steps(scenario, kind, choices, wanted)
        steps = tuple(
            _with_reference(step, seed, number, position)
            for position, step in enumerate(steps)
        )
        customer = number % scenario.customers
        sessions.append(Session(number, start_s, customer, kind.name, steps))
    return tuple(sessions)


def arrival_times(
    random: Random, points: Sequence[RatePoint], until_s: float
) -> Iterator[float]:
    """Moments of a Poisson process of the given rate in [0, until_s), in seconds."""
    rate_max = max(point.sessions_per_s for point in points)
    now_s = 0.0
    while True:
        now_s += random.expovariate(rate_max)
        if now_s >= until_s:
            return
        if random.random() * rate_max < rate_at(points, now_s):
            yield now_s


def rate_at(points: Sequence[RatePoint], at_s: float) -> float:
    """Sessions per second at a moment: linear between points, flat outside them."""
    after = bisect_right([point.at_s for point in points], at_s)
    if after == 0:
        return points[0].sessions_per_s
    if after == len(points):
        return points[-1].sessions_per_s
    left, right = points[after - 1], points[after]
    share = (at_s - left.at_s) / (right.at_s - left.at_s)
    return left.sessions_per_s + share * (right.sessions_per_s - left.sessions_per_s)


def zipf_cumulative(count: int, exponent: float) -> tuple[float, ...]:
    """Running sums of 1/rank**exponent for ranks 1..count."""
    return tuple(
        accumulate(1.0 / math.pow(rank, exponent) for rank in range(1, count + 1))
    )


def _steps(
    scenario: Scenario, kind: SessionKind, random: Random, wanted: Sequence[float]
) -> tuple[Step, ...]:
    steps = []
    for position, operation in enumerate(kind.steps):
        think_ms = 0.0
        if position and scenario.think.mean_ms > 0:
            think_ms = random.expovariate(1.0 / scenario.think.mean_ms)
        steps.append(
            Step(
                operation,
                min(think_ms, scenario.think.max_ms),
                _pick(random, wanted),
                random.randint(1, scenario.quantity_max),
                "",
            )
        )
    return tuple(steps)


def _with_reference(step: Step, seed: int, session: int, position: int) -> Step:
    digest = hashlib.sha256(f"{seed}/{session}/{position}".encode()).hexdigest()
    return Step(step.operation, step.think_ms, step.design, step.quantity, digest)


def _pick(random: Random, cumulative: Sequence[float]) -> int:
    return bisect_right(
        cumulative, random.random() * cumulative[-1], 0, len(cumulative) - 1
    )
