"""A run from its first target to its last trial, in order, within its budget of time.

The knee of every target first, then the trials, interleaved. Every trial is a fresh
target, started and gone again. An INVALID trial is run again, at most as often as the
scenario says and the time allows; the rejected ones stay. A target that cannot be
started is written down as missing, with what it printed, and the run goes on. Targets
run one at a time: on one machine they would measure each other.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from bench.adapters.contract import Adapter
from bench.adapters.make import make_adapter
from bench.adapters.offices import make_locator
from bench.analysis.knee import judge_probe, standing
from bench.analysis.read import read_trial
from bench.analysis.trial import analyse_trial
from bench.campaign.order import Cell, cells_of, probe_seed
from bench.campaign.pace import Pace
from bench.campaign.state import TargetState, key_of, read_target, save_target
from bench.crew.source import CrewSource
from bench.errors import BenchError
from bench.faults.cgroups import claimed_if
from bench.progress import Terminal
from bench.scenario.model import LINK_FAULTS, Scenario
from bench.scenario.variant import (
    LOAD_NAME_OF_KNEE,
    loads_of,
    probe_scenario,
    rate_of,
    trial_scenario,
)
from bench.stats.knee import knee_of, next_rate
from bench.store.folder import MANIFEST, RunFolder, write_json
from bench.targets.launch import Running
from bench.targets.make import make_launcher
from bench.targets.spec import TargetSpec
from bench.trial.run import Bench, run_trial
from bench.trial.source import MakeSource, OwnGenerator

if TYPE_CHECKING:
    from pathlib import Path

    from bench.crew.crew import Crew

FAILURES_MAX = 2  # starts or trials that broke, before a target is left alone


class Campaign:
    """One run under way."""

    def __init__(
        self,
        scenario: Scenario,
        specs: list[TargetSpec],
        folder: RunFolder,
        manifest: dict[str, Any],
        terminal: Terminal,
    ) -> None:
        self._scenario = scenario
        self._folder = folder
        self._manifest = manifest
        self._terminal = terminal
        self._began_s = time.monotonic()
        self._spent_before_s = float(manifest["spent_s"])
        self._pace = Pace()
        self._crew: Crew | None = None
        self._targets = {s.name: read_target(folder, s, scenario) for s in specs}
        self._cells = cells_of(scenario, list(self._targets), int(manifest["seed"]))

    async def run(self, crew: "Crew | None" = None) -> None:
        """Do all that is left to do; with a crew, its generators make the load."""
        self._crew = crew
        try:
            if any(load.of_knee is not None for load in loads_of(self._scenario)):
                for state in self._targets.values():
                    await self._search_knee(state)
            for number, cell in enumerate(self._cells, 1):
                await self._do(cell, number)
                self.save()
        except asyncio.CancelledError:
            self._terminal.prefix = ""
            self._terminal.say(
                "interrupted; what is measured stays. Go on with: "
                f"chandlery compare --resume {self._folder.path}"
            )
            raise
        finally:
            self._terminal.prefix = ""
            self.save()

    def save(self) -> None:
        """Write the manifest as it stands."""
        self._manifest["ended_at"] = time.time()
        self._manifest["spent_s"] = self._spent_s()
        write_json(self._folder.path / MANIFEST, self._manifest)

    def _spent_s(self) -> float:
        return self._spent_before_s + time.monotonic() - self._began_s

    # The knee

    async def _search_knee(self, state: TargetState) -> None:
        """Probe one target, in one life of it, until its knee is known."""
        search = self._scenario.knee
        assert search is not None, "the scenario was checked when it was read"
        if next_rate(search, standing(state.probes)) is None:
            state.facts["knee_sessions_per_s"] = knee_of(standing(state.probes))
            return
        self._say_pace(f"{state.spec.name}, knee", self._left_s())
        try:
            async with self._up(state) as running:
                while (rate := next_rate(search, standing(state.probes))) is not None:
                    await self._probe(state, running, rate)
        except (BenchError, OSError) as error:
            self._note_failure(state, str(error))
        knee = knee_of(standing(state.probes))
        state.facts["knee_sessions_per_s"] = knee
        save_target(self._folder, state)
        found = "none was sustained" if knee is None else f"{knee:g} sessions/s"
        self._terminal.say(f"highest sustained rate: {found}")

    async def _probe(self, state: TargetState, running: Running, rate: float) -> None:
        state.last_probe += 1
        number, name = state.last_probe, state.spec.name
        folder = self._folder.probe(name, number)
        facts = {"load_name": LOAD_NAME_OF_KNEE, "sessions_per_s": rate}
        await run_trial(
            Bench(
                probe_scenario(self._scenario, rate),
                probe_seed(int(self._manifest["seed"]), number),
                running.descriptor,
                self._adapter(running),
                folder,
                self._terminal,
                facts=facts,
                is_probe=True,
                make_source=self._source(running),
            )
        )
        result = judge_probe(read_trial(folder), self._scenario, number)
        state.probes.append(result)
        verdict = "sustained" if result.sustained else "; ".join(result.reasons)
        self._terminal.say(f"{rate:g} sessions/s: {verdict}")

    # The trials

    async def _do(self, cell: Cell, number: int) -> None:
        """One cell, again if its measurement was invalid and time allows."""
        state, key = self._targets[cell.target], key_of(cell)
        tries_max = 1 + self._scenario.validity.reruns_max
        while key not in state.done and state.tries.get(key, 0) < tries_max:
            if state.given_up or not self._has_time_for(cell, state.tries.get(key, 0)):
                return
            where = f"{number}/{len(self._cells)} {cell.target}"
            if len(self._cells) > len(self._targets):
                where += f" {cell.load.name} {cell.repetition}"
            self._say_pace(where, self._left_s())
            try:
                await self._trial(cell, state)
            except (BenchError, OSError) as error:
                self._note_failure(state, str(error))
                if state.facts["missing"] is None:
                    continue
                return

    async def _trial(self, cell: Cell, state: TargetState) -> None:
        rate = rate_of(cell.load, state.facts.get("knee_sessions_per_s"))
        scenario = trial_scenario(self._scenario, cell.target, rate, cell.with_fault)
        began_s = time.monotonic()
        async with self._up(state) as running:
            state.last_trial += 1
            folder = self._folder.trial(cell.target, state.last_trial)
            await run_trial(
                Bench(
                    scenario,
                    cell.seed,
                    running.descriptor,
                    self._adapter(running),
                    folder,
                    self._terminal,
                    facts={
                        "load_name": cell.load.name,
                        "repetition": cell.repetition,
                        "sessions_per_s": rate,
                        "with_fault": cell.with_fault,
                    },
                    locate=make_locator(running.folder),
                    make_source=self._source(running),
                )
            )
        seconds = time.monotonic() - began_s
        self._pace.took(cell.target, scenario.phases.load_s, seconds)
        result = analyse_trial(read_trial(folder), scenario, state.last_trial)
        key = key_of(cell)
        state.tries[key] = state.tries.get(key, 0) + 1
        if result.is_valid:
            state.done.add(key)
            self._terminal.say("measured and audited")
            return
        why = "; ".join(gate.sentence for gate in result.gates if not gate.holds)
        self._terminal.say(f"INVALID: {why}")

    def _adapter(self, running: Running) -> Adapter:
        return make_adapter(running.descriptor, running.folder, self._scenario.client)

    def _source(self, running: Running) -> MakeSource:
        if self._crew is None:
            return OwnGenerator
        return partial(CrewSource, self._crew, running.folder)

    @asynccontextmanager
    async def _up(self, state: TargetState) -> AsyncIterator[Running]:
        """A fresh target, gone again afterwards whatever happens."""
        log_folder: Path = self._folder.target(state.spec.name)
        launcher = make_launcher(state.spec, log_folder)
        self._terminal("starting")
        began_s = time.monotonic()
        cuts_links = any(f.kind in LINK_FAULTS for f in self._scenario.faults)
        cgroups = ExitStack()
        cgroups.enter_context(claimed_if(cuts_links))
        try:
            running = await launcher.start()
            start_s = time.monotonic() - began_s
            state.facts["descriptor"] = running.descriptor.as_json()
            state.facts.setdefault("start_s", start_s)
            save_target(self._folder, state)
            self._terminal.say(f"serves after {start_s:.1f} s")
            yield running
        except asyncio.CancelledError:
            self._terminal.say("interrupted; the target is being stopped and removed")
            raise
        finally:
            self._terminal("stopping")
            await launcher.stop()
            cgroups.close()

    def _note_failure(self, state: TargetState, error: str) -> None:
        """A target that never worked is missing at once; one that did, at the second
        failure: its trials so far stay."""
        state.facts["failures"].append(error)
        worked = state.tries or state.probes
        if not worked or len(state.facts["failures"]) >= FAILURES_MAX:
            state.facts["missing"] = error
        save_target(self._folder, state)
        self._terminal.say(f"could not be measured: {error}")

    # Time

    def _has_time_for(self, cell: Cell, tries: int) -> bool:
        """Whether the budget allows a trial. The first trial of every load is always
        run: a target may be measured briefly, but not be left out for its place in
        the order. A load without a knee to be a share of cannot be run."""
        state = self._targets[cell.target]
        if cell.load.of_knee and not state.facts.get("knee_sessions_per_s"):
            self._leave_out(cell, "no rate was sustained that it could be a share of")
            return False
        if tries == 0 and cell.repetition == 1:
            return True
        needed_s = self._cell_s(cell)
        if tries:
            # Another try must leave the time that all first tries still need.
            needed_s += self._left_s()
        if self._spent_s() + needed_s <= self._scenario.time_budget_s:
            return True
        if tries == 0:
            self._leave_out(cell, "the run's time was over")
        return False

    def _leave_out(self, cell: Cell, reason: str) -> None:
        left_out = {
            "target": cell.target,
            "load": cell.load.name,
            "repetition": cell.repetition,
            "reason": reason,
        }
        self._manifest["left_out"].append(left_out)

    def _left_s(self) -> float:
        """Seconds that all cells not yet tried will take."""
        left_s = sum(
            self._cell_s(cell)
            for cell in self._cells
            if not self._targets[cell.target].tries.get(key_of(cell))
            and not self._targets[cell.target].given_up
        )
        search = self._scenario.knee
        if search is not None:
            probe = probe_scenario(self._scenario, search.start_sessions_per_s)
            left_s += sum(
                self._pace.search_s(probe.phases.load_s)
                for state in self._targets.values()
                if "knee_sessions_per_s" not in state.facts and not state.given_up
            )
        return left_s

    def _cell_s(self, cell: Cell) -> float:
        scenario = trial_scenario(self._scenario, cell.target, None, cell.with_fault)
        return self._pace.trial_s(cell.target, scenario.phases.load_s)

    def _say_pace(self, where: str, left_s: float) -> None:
        minutes = max(1, round(left_s / 60))
        self._terminal.prefix = f"{where}, {minutes} min left: "
