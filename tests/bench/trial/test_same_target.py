"""A target against itself: of twenty A/A comparisons eighteen find no difference.

Real trials of the synthetic target in their shortest form; `tests/bench/stats` has the
same claim on made figures, which takes no time.
"""

import dataclasses
import json
from pathlib import Path

import pytest

from bench.adapters.make import make_adapter
from bench.analysis.read import read_trial
from bench.analysis.series import BY_NAME, values_of
from bench.analysis.trial import TrialResult, analyse_trial
from bench.compare import run_loop
from bench.scenario.model import Scenario
from bench.stats.verdict import Finding, compare
from bench.synthetic.truth import Truth
from bench.targets.launch import Launcher, Running
from bench.trial.run import Bench, run_trial
from tests.bench.trial.test_known_truth import scenario, vars_of

RUNS = 20
TRIALS = 6
SHORT = {
    "sessions_per_s": "200",
    "warmup_s": "0.1",
    "baseline_s": "0.4",
    "guard_s": "0",
    "after_fault_s": "0",
}


async def trial(
    running: Running, plan: Scenario, seed: int, folder: Path
) -> TrialResult:
    adapter = make_adapter(running.descriptor, running.folder)
    folder.mkdir(parents=True)
    bench = Bench(
        plan,
        seed,
        running.descriptor,
        adapter,
        folder,
        lambda text: None,
        is_probe=True,
    )
    await run_trial(bench)
    return analyse_trial(read_trial(folder), plan, 1)


@pytest.mark.long
@pytest.mark.timeout(470)
def test_of_twenty_comparisons_with_itself_eighteen_are_undistinguished(
    tmp_path: Path,
) -> None:
    plan = dataclasses.replace(scenario(SHORT, faults=False), patience_ms=2000)
    truth = Truth(latency_median_ms=20.0, latency_sigma=0.5)
    metric = BY_NAME["order_latency_ms_p50"]
    findings = []

    async def compare_with_itself() -> None:
        launcher = Launcher("synthetic", tmp_path, truth=json.dumps(vars_of(truth)))
        try:
            running = await launcher.start()
            for run in range(RUNS):
                sides: dict[str, list[TrialResult]] = {"a": [], "b": []}
                for number in range(TRIALS):
                    for shift, side in enumerate(sides):
                        seed = 1000 * run + 10 * number + shift
                        folder = tmp_path / f"{run}-{number}-{side}"
                        found = await trial(running, plan, seed, folder)
                        sides[side].append(found)
                a, b = (values_of(sides[side], metric) for side in ("a", "b"))
                assert len(a) == len(b) == TRIALS
                findings.append(compare(a, b, 1.1).finding)
        finally:
            await launcher.stop()

    run_loop(compare_with_itself())
    assert len(findings) == RUNS
    claims = [f for f in findings if f in (Finding.HIGHER, Finding.LOWER)]
    assert len(claims) <= RUNS - 18, findings
