"""Several generators as one: against the target of known truth, in one process.

What carries the calls between processes is left out here (test_cluster.py has it); all
else is as in a run: real sockets, a thread and an event loop for every generator.
"""

import json
from collections import Counter
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from bench.adapters.make import make_adapter
from bench.analysis.read import read_trial
from bench.analysis.trial import analyse_trial
from bench.compare import run_loop
from bench.crew.crew import Crew
from bench.crew.duty import Done
from bench.crew.generator import CrewGenerator
from bench.crew.source import CrewSource
from bench.errors import BenchError
from bench.scenario.model import Scenario
from bench.synthetic.truth import Truth
from bench.targets.launch import Launcher
from bench.trial.run import Bench, run_trial
from bench.workload.plan import make_plan
from tests.bench.trial.test_known_truth import scenario, vars_of

SEED = 11
SHORT = {
    "sessions_per_s": "60",
    "warmup_s": "1",
    "baseline_s": "4",
    "guard_s": "0",
    "after_fault_s": "0",
    "patience_ms": "600",
    "backoff_ms": "100",
}


async def measure(
    plan: Scenario, members: list[CrewGenerator], folder: Path
) -> list[dict[str, Any]]:
    """One trial with a crew; returns the target's own log."""
    truth = json.dumps(vars_of(Truth(plants=True)))
    launcher = Launcher("synthetic", folder, truth=truth)
    crew = Crew(members)
    try:
        running = await launcher.start()
        await crew.greet(version("chandlery"))
        bench = Bench(
            plan,
            SEED,
            running.descriptor,
            make_adapter(running.descriptor, running.folder),
            folder,
            lambda text: None,
            make_source=partial(CrewSource, crew, running.folder),
        )
        await run_trial(bench)
        log = (running.folder / "truth.jsonl").read_text().splitlines()
        return [json.loads(line) for line in log]
    finally:
        await crew.close()
        await launcher.stop()


def test_three_generators_do_the_one_schedule_and_find_what_is_planted(
    tmp_path: Path,
) -> None:
    plan = scenario(SHORT, faults=False)
    members = [CrewGenerator() for _ in range(3)]
    log = run_loop(measure(plan, members, tmp_path))
    raw = read_trial(tmp_path)

    # The same visits by the same customers at the same moments as of one generator.
    (designs,) = {len(raw.facts["designs"])}
    whole = make_plan(plan, SEED, designs)
    done = {(r.session, r.step): r for r in raw.records}
    assert len(done) == len(raw.records) == len(whole)
    for session in whole:
        record = done[session.number, 0]
        assert record.customer == session.customer
        assert record.reference == session.steps[0].reference
        assert record.intended_ns == int(session.start_s * 1e9)

    planted: dict[str, set[str]] = {}
    for line in log:
        if "plant" in line:
            planted.setdefault(line["plant"], set()).add(line["reference"])
    counts = Counter({name: len(refs) for name, refs in planted.items()})
    assert min(counts[n] for n in ("lost", "duplicated", "orphaned", "vanished")) >= 5
    result = analyse_trial(raw, plan, 1)
    assert set(result.orders.lost) == planted["lost"]
    assert set(result.orders.duplicated) == planted["duplicated"]
    assert set(result.orders.recovered) == planted["orphaned"]
    assert set(result.orders.unknown) == planted["vanished"]
    assert result.orders.unexpected == ()
    assert result.orders.altered == (), "every order has its own customer"

    generators = raw.facts["generators"]
    assert sum(one["load"]["sessions"] for one in generators) == len(whole)
    assert {line["generator"] for line in raw.lag} == {0, 1, 2}
    for one in generators:
        # In one process it is one clock: what was measured must be within what is said.
        assert abs(one["clock_offset_ms"]) <= one["clock_known_to_ms"] + 0.1
    assert "address" not in json.dumps(generators)


def test_a_generator_that_is_lost_ends_the_trial_with_that_as_its_reason(
    tmp_path: Path,
) -> None:
    class Lost(CrewGenerator):
        async def run(self, start_ns: int) -> Done:
            raise OSError("connection closed by peer")

    plan = scenario({**SHORT, "baseline_s": "0.5"}, faults=False)
    with pytest.raises(BenchError, match="generator 2: it is lost: connection closed"):
        run_loop(measure(plan, [CrewGenerator(), Lost()], tmp_path))
    assert not (tmp_path / "trial.json").exists(), "it does not count as measured"


def test_generators_of_another_version_are_refused(tmp_path: Path) -> None:
    async def greet() -> None:
        member = CrewGenerator()
        crew = Crew([member])
        try:
            await crew.greet("0.0.0")
        finally:
            await crew.close()

    with pytest.raises(BenchError, match="install the same everywhere"):
        run_loop(greet())
