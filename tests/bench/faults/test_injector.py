"""A scenario's faults on links: begun, ended, written down; or said not to be run."""

from pathlib import Path

import pytest

from bench.adapters.make import make_adapter
from bench.compare import run_loop
from bench.faults.cgroups import claimed_if, unavailable
from bench.history.files import read_lines, read_records
from bench.scenario.load import SHIPPED, parse_scenario
from bench.scenario.model import Scenario
from bench.scenario.variant import trial_scenario
from bench.targets.launch import Launcher
from bench.trial.run import Bench, run_trial

FAULT = """
[[fault]]
kind = "partition"
roles = ["server"]
at_s = 0
duration_s = 2
"""
WITHOUT = "the target was started without cgroups"
SHORT = {"warmup_s": 0, "baseline_s": 2, "guard_s": 0.5, "after_fault_s": 8}


def scenario() -> Scenario:
    """The quick size, short, with nothing but a cut of the server's links."""
    text = (SHIPPED / "quick.toml").read_text()
    head, rest = text.split("[[fault]]", 1)
    lines = (head + FAULT + rest[rest.index("[objective]") :]).splitlines()
    for index, line in enumerate(lines):
        name = line.split(" = ")[0]
        if name in SHORT:
            lines[index] = f"{name} = {SHORT[name]}"
    whole = parse_scenario("\n".join(lines), "cut.toml")
    return trial_scenario(whole, "synthetic", None, with_fault=True)


async def trial(folder: Path, with_cgroups: bool) -> None:
    with claimed_if(with_cgroups):
        launcher = Launcher("synthetic", folder)
        try:
            running = await launcher.start()
            adapter = make_adapter(running.descriptor, running.folder)
            plan = scenario()
            nothing = Bench(
                plan, 3, running.descriptor, adapter, folder, lambda text: None
            )
            await run_trial(nothing)
        finally:
            await launcher.stop()


@pytest.mark.skipif(unavailable() is not None, reason=f"{unavailable()}")
def test_a_cut_is_begun_felt_and_healed(tmp_path: Path) -> None:
    run_loop(trial(tmp_path, with_cgroups=True))
    events = read_lines(tmp_path / "events.jsonl")
    assert [line["event"] for line in events] == ["asked", "done", "running"]
    assert events[1]["method"] == "kernel"
    done_ns, healed_ns = events[1]["at_ns"], events[2]["at_ns"]
    assert healed_ns - done_ns > 1e9
    attempts = [
        attempt
        for record in read_records(tmp_path / "history.jsonl")
        for attempt in record.attempts
    ]
    during = [a for a in attempts if done_ns < a.sent_ns < healed_ns - 5e8]
    assert during
    assert not any(a.ended_ns < healed_ns and a.outcome == "ok" for a in during)
    assert any(a.sent_ns > healed_ns and a.outcome == "ok" for a in attempts)


def test_a_cut_that_cannot_be_made_is_said_not_to_be_run(tmp_path: Path) -> None:
    run_loop(trial(tmp_path, with_cgroups=False))
    events = read_lines(tmp_path / "events.jsonl")
    assert [line["event"] for line in events] == ["asked", "not_run"]
    assert (
        events[1]["reason"] == unavailable() or "without cgroups" in events[1]["reason"]
    )
    attempts = [
        attempt.outcome
        for record in read_records(tmp_path / "history.jsonl")
        for attempt in record.attempts
    ]
    assert set(attempts) == {"ok"}
