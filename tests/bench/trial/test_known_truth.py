"""The whole harness against a target whose truth is known: it must come back exactly.

Real processes, real sockets, real kill -9. The truth is the target's own log, which the
harness never reads.
"""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bench.adapters.make import make_adapter
from bench.analysis.read import read_trial
from bench.analysis.trial import TrialResult, analyse_trial
from bench.compare import run_loop
from bench.descriptor import Descriptor
from bench.scenario.load import SHIPPED, parse_scenario
from bench.scenario.model import Scenario
from bench.scenario.variant import trial_scenario
from bench.synthetic.truth import Truth
from bench.targets.launch import Launcher
from bench.trial.run import Bench, run_trial

SESSIONS = """
[[session]]
name = "buyer"
weight = 1
steps = ["place_order"]
"""


def scenario(changes: dict[str, str], faults: bool) -> Scenario:
    """The quick scenario with lines replaced: only purchases, no think time."""
    text = (SHIPPED / "quick.toml").read_text()
    head, rest = text.split("[[session]]", 1)
    fault = rest[rest.index("[[fault]]") : rest.index("[objective]")]
    tail = rest[rest.index("[objective]") :]
    lines = (head + SESSIONS + (fault if faults else "") + tail).splitlines()
    for index, line in enumerate(lines):
        name = line.split(" = ")[0]
        if name in changes:
            lines[index] = f"{name} = {changes[name]}"
    whole = parse_scenario("\n".join(lines), "truth.toml")
    return trial_scenario(whole, "synthetic", None, with_fault=faults)


async def measure(plan: Scenario, truth: Truth, folder: Path) -> list[dict[str, Any]]:
    """One trial against a planted target; returns the target's own log."""
    launcher = Launcher("synthetic", folder, truth=json.dumps(vars_of(truth)))
    try:
        running = await launcher.start()
        adapter = make_adapter(running.descriptor, running.folder)
        bench = Bench(plan, 11, running.descriptor, adapter, folder, lambda text: None)
        await run_trial(bench)
        log = (running.folder / "truth.jsonl").read_text().splitlines()
        return [json.loads(line) for line in log]
    finally:
        await launcher.stop()


def vars_of(truth: Truth) -> dict[str, Any]:
    return {name: getattr(truth, name) for name in Truth.__slots__}


def result_of(folder: Path, plan: Scenario) -> TrialResult:
    return analyse_trial(read_trial(folder), plan, 1)


def test_planted_latencies_and_an_outage_come_back(tmp_path: Path) -> None:
    changes = {
        "sessions_per_s": "200",
        "warmup_s": "1",
        "baseline_s": "6",
        "guard_s": "1",
        "after_fault_s": "12",
        "duration_s": "2.1",
    }
    plan = scenario(changes, faults=True)
    truth = Truth(latency_median_ms=300.0, latency_sigma=0.4)
    log = run_loop(measure(plan, truth, tmp_path))
    result = result_of(tmp_path, plan)

    # What the target really waited (a busy machine wakes it late) for the orders of
    # the baseline: sent 1 s to 7 s.
    started_ns = min(line["at"] for line in log if line.get("kind") == "place_order")
    planted = sorted(
        line["waited_ms"]
        for line in log
        if line.get("kind") == "place_order" and 1e9 <= line["at"] - started_ns < 7e9
    )
    measured = result.operations["place_order"].latency.quantiles_ms
    for quantile in (0.5, 0.9, 0.95, 0.99):
        expected_ms = planted[math.ceil(quantile * len(planted)) - 1]
        assert measured[quantile] == pytest.approx(expected_ms, rel=0.02), quantile

    (course,) = result.faults
    assert course.asked_s is not None
    assert course.recovery is not None
    serving = [line["at"] for line in log if line.get("serving")]
    assert len(serving) == 2, "the server was started twice"
    down_s = (serving[1] - started_ns) / 1e9 - course.asked_s
    assert course.recovery.availability_rto_s is not None
    late_s = course.recovery.availability_rto_s - down_s
    assert abs(late_s) <= course.recovery.resolution_s + 0.1
    assert course.requests_failed > 0
    assert result.passes, [check for check in result.checks if not check.passed]


def test_planted_wrongs_are_found_exactly(tmp_path: Path) -> None:
    changes = {
        "sessions_per_s": "60",
        "warmup_s": "1",
        "baseline_s": "4",
        "guard_s": "0",
        "after_fault_s": "0",
        "patience_ms": "600",
        "backoff_ms": "100",
    }
    plan = scenario(changes, faults=False)
    log = run_loop(measure(plan, Truth(plants=True), tmp_path))
    result = result_of(tmp_path, plan)

    planted: dict[str, set[str]] = {}
    for line in log:
        if "plant" in line:
            planted.setdefault(line["plant"], set()).add(line["reference"])
    counts = Counter({name: len(refs) for name, refs in planted.items()})
    assert min(counts[n] for n in ("lost", "duplicated", "orphaned", "vanished")) >= 5
    assert set(result.orders.lost) == planted["lost"]
    assert set(result.orders.duplicated) == planted["duplicated"]
    assert set(result.orders.recovered) == planted["orphaned"]
    assert set(result.orders.unknown) == planted["vanished"]
    assert result.orders.unexpected == ()
    assert result.orders.altered == ()
    failed = {check.name for check in result.checks if check.passed is False}
    assert failed == {"no acknowledged order lost", "no order twice"}


def test_a_target_without_a_control_socket_is_measured_without_faults(
    tmp_path: Path,
) -> None:
    changes = {
        "sessions_per_s": "20",
        "warmup_s": "0",
        "baseline_s": "1",
        "guard_s": "0",
        "after_fault_s": "1",
        "duration_s": "0.2",
    }
    plan = scenario(changes, faults=True)

    async def by_url_alone() -> None:
        launcher = Launcher("synthetic", tmp_path)
        try:
            running = await launcher.start()
            known = running.descriptor
            bare = Descriptor(
                known.world,
                known.rung,
                known.endpoints,
                None,
                (),
                (),
                None,
                known.durability,
                {},
            )
            adapter = make_adapter(bare, running.folder)
            await run_trial(Bench(plan, 3, bare, adapter, tmp_path, lambda text: None))
        finally:
            await launcher.stop()

    run_loop(by_url_alone())
    result = result_of(tmp_path, plan)
    (course,) = result.faults
    assert course.not_run == "the target has no control socket"
    assert course.recovery is None
    assert result.cost is None
    assert result.passes
