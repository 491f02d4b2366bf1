"""Where a trial's load comes from: this process, or generators elsewhere.

A trial asks the same of either: provision the shoppers, run the schedule from the zero
of the trial's clock, write down every operation and the watch on the generator itself.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from bench.adapters.contract import Adapter, Progress
from bench.descriptor import Descriptor
from bench.history.files import LineWriter
from bench.load.clock import Clock
from bench.load.generator import Generator, LoadFacts
from bench.load.lag import LagWatch
from bench.load.precedence import precedence
from bench.scenario.model import Scenario
from bench.workload.plan import Session

START_DELAY_S = 0.5


@dataclass(frozen=True, slots=True)
class Wanted:
    """The load that a trial wants. `plan` follows from scenario, seed and the number of
    designs; `adapter` is the trial's own client, open, which audits afterwards."""

    scenario: Scenario
    seed: int
    designs: int
    plan: Sequence[Session]
    descriptor: Descriptor
    adapter: Adapter


@dataclass(frozen=True, slots=True)
class Told:
    """What a source tells of itself: facts to keep with the trial, and what only its
    own clients could observe."""

    facts: dict[str, Any]
    observations: list[dict[str, Any]]


class Counts(Protocol):
    """A load under way, as those see it who watch it."""

    @property
    def operations_done(self) -> int:
        """Operations ended so far."""

    @property
    def operations_unserved(self) -> int:
        """Those that were not served."""

    @property
    def orders_late(self) -> int:
        """Orders beyond the objective."""

    def close_doors(self) -> None:
        """Let nobody else in; who is inside is served to the end."""


class LoadSource(Counts, Protocol):
    """One trial's load: provision, run, told, finish, in this order."""

    @property
    def start_delay_s(self) -> float:
        """How far ahead the start must be when run() is called."""

    async def provision(self, progress: Progress) -> dict[str, float]:
        """Make what shoppers have before they come; figures of what it took."""

    async def run(
        self, clock: Clock, history: LineWriter, lag: LineWriter
    ) -> LoadFacts:
        """Run the plan from the clock's zero to its end."""

    def told(self) -> Told:
        """After the run: what is to be kept of it."""

    async def finish(self) -> None:
        """Let go of the target; the trial's own client stays open."""


MakeSource = Callable[[Wanted], LoadSource]


class OwnGenerator:
    """The load of this very process, through the trial's own client."""

    start_delay_s = START_DELAY_S

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._generator: Generator | None = None
        self._scheduling = ""

    @property
    def operations_done(self) -> int:
        """Operations ended so far."""
        return 0 if self._generator is None else self._generator.operations_done

    @property
    def operations_unserved(self) -> int:
        """Those that were not served."""
        return 0 if self._generator is None else self._generator.operations_unserved

    @property
    def orders_late(self) -> int:
        """Orders beyond the objective."""
        return 0 if self._generator is None else self._generator.orders_late

    def close_doors(self) -> None:
        """Let nobody else in."""
        if self._generator is not None:
            self._generator.close_doors()

    async def provision(self, progress: Progress) -> dict[str, float]:
        """By the trial's own client."""
        wanted = self._wanted
        customers = wanted.scenario.customers
        return await wanted.adapter.provision(wanted.plan, customers, progress)

    async def run(
        self, clock: Clock, history: LineWriter, lag: LineWriter
    ) -> LoadFacts:
        """With the best scheduling that is to be had, and an eye on itself."""
        wanted = self._wanted
        generator = Generator(wanted.scenario, wanted.adapter, clock, history)
        self._generator = generator
        watch = asyncio.create_task(LagWatch(clock, lag).run())
        try:
            with precedence() as self._scheduling:
                return await generator.run(wanted.plan)
        finally:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch

    def told(self) -> Told:
        """How it was scheduled."""
        return Told({"generator_scheduling": self._scheduling}, [])

    async def finish(self) -> None:
        """The trial's own client is the trial's to close."""
