"""A crew as the source of one trial's load."""

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.adapters.contract import Progress as Tell
from bench.crew.crew import Crew
from bench.crew.duty import Done, Duty, Prepared, Progress, client_files
from bench.crew.merge import merge_histories, merge_lags
from bench.history.files import LineWriter
from bench.load.clock import Clock
from bench.load.generator import LoadFacts
from bench.scenario.model import Scenario
from bench.trial.source import Told, Wanted

if TYPE_CHECKING:
    from bench.crew.clocks import Offset

START_DELAY_S = 2.0  # until every generator has been told, wherever it is
FOLLOW_PERIOD_S = 0.25
SPARE_S = 60.0  # beyond the longest visit: to start late, to write, to be slow
SAME_FOR_ALL = ("gas_limit_of_an_order",)


class CrewSource:
    """The load of all generators together. Its counts follow theirs a quarter of a
    second behind. `folder` holds what the target gave its clients."""

    start_delay_s = START_DELAY_S

    def __init__(self, crew: Crew, folder: Path, wanted: Wanted) -> None:
        self._crew = crew
        self._folder = folder
        self._wanted = wanted
        self._counts = Progress()
        self._closing = asyncio.Event()
        self._offsets: list[Offset] = []
        self._done: list[Done] = []

    @property
    def operations_done(self) -> int:
        """Operations ended so far."""
        return self._counts.done

    @property
    def operations_unserved(self) -> int:
        """Those that were not served."""
        return self._counts.unserved

    @property
    def orders_late(self) -> int:
        """Orders beyond the objective."""
        return self._counts.late

    def close_doors(self) -> None:
        """Let nobody else in; they are told with the next look."""
        self._closing.set()

    async def provision(self, tell: Tell) -> dict[str, float]:
        """Each generator its own customers; the trial's own client adopts them all."""
        wanted = self._wanted
        files = client_files(self._folder)
        duty = Duty(
            wanted.scenario, wanted.seed, wanted.designs, wanted.descriptor, files
        )
        prepared = await self._crew.prepare(duty, tell)
        wanted.adapter.adopt(
            {name: number for p in prepared for name, number in p.accounts.items()}
        )
        self._offsets = await self._crew.offsets()
        return added_up(prepared)

    async def run(
        self, clock: Clock, history: LineWriter, lag: LineWriter
    ) -> LoadFacts:
        """Run the load to its end and write down everybody's samples, merged."""
        starts_ns = [clock.start_ns + offset.monotonic_ns for offset in self._offsets]
        follower = asyncio.create_task(self._follow())
        try:
            self._done = await self._crew.run(
                starts_ns, longest_s(self._wanted.scenario)
            )
        finally:
            follower.cancel()
            # Counts are for those who watch; what they lack is no harm to the samples.
            await asyncio.gather(follower, return_exceptions=True)
        await self._fetch(history, lag)
        loads = [ended.load for ended in self._done]
        return LoadFacts(
            sum(load.sessions for load in loads),
            sum(load.dropped for load in loads),
            sum(load.cpu_s for load in loads),
            max(load.wall_s for load in loads),
        )

    def told(self) -> Told:
        """Each generator's own figures, and how far its clock was from ours."""
        scheduling = sorted({ended.scheduling for ended in self._done})
        facts: dict[str, Any] = {
            "generator_scheduling": ", ".join(scheduling),
            "generators": self._crew.facts(self._offsets, self._done),
        }
        return Told(facts, [line for e in self._done for line in e.observations])

    async def finish(self) -> None:
        """Nobody holds on to the target."""
        await self._crew.finish()

    async def _follow(self) -> None:
        """Keep the counts, and pass on that the doors are closed, until cancelled."""
        told = False
        while True:
            if self._closing.is_set() and not told:
                await self._crew.close_doors()
                told = True
            self._counts = await self._crew.progress()
            await asyncio.sleep(FOLLOW_PERIOD_S)

    async def _fetch(self, history: LineWriter, lag: LineWriter) -> None:
        root = Path(tempfile.mkdtemp(prefix="chandlery-samples-"))
        try:
            folders = await self._crew.fetch(self._done, root)
            await asyncio.to_thread(merge_histories, folders, history)
            await asyncio.to_thread(merge_lags, folders, lag)
        finally:
            shutil.rmtree(root, ignore_errors=True)


def added_up(prepared: Sequence[Prepared]) -> dict[str, float]:
    """What provisioning took all generators together; a limit is a limit once."""
    figures: dict[str, float] = {}
    for one in prepared:
        for name, value in one.figures.items():
            before = figures.get(name, 0.0)
            figures[name] = (
                max(before, value) if name in SAME_FOR_ALL else before + value
            )
    return figures


def longest_s(scenario: Scenario) -> float:
    """Seconds after the call to run, by when the last shopper has left."""
    steps = max(len(kind.steps) for kind in scenario.sessions)
    visit_s = steps * (scenario.patience_ms + scenario.think.max_ms) / 1000
    return START_DELAY_S + scenario.phases.load_s + visit_s + SPARE_S
