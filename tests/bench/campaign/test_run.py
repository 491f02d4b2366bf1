"""A whole campaign on the synthetic target: measured, stopped, gone on with."""

import asyncio
import io
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.analysis.run import RunResult, analyse_run
from bench.compare import Request, resume, run_all, run_loop
from bench.errors import BenchError
from bench.progress import Terminal
from bench.report.page import write_page
from bench.scenario.load import SHIPPED, parse_scenario
from bench.scenario.model import Scenario
from bench.store.folder import TRIAL, RunFolder, read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Callable

MANY = """
[trials]
count = 2
[[load]]
name = "low"
sessions_per_s = 20
[[load]]
name = "half"
of_knee = 0.5
[knee]
start_sessions_per_s = 40
sessions_per_s_max = 80
resolution = 1.5
warmup_s = 0.2
measured_s = 0.8
probes_max = 4
"""


def tiny(extra: str = MANY, **changes: str) -> Scenario:
    """The quick scenario in a second or two, without think time and faults; gates wide
    open, for this is about what a campaign does, not about this machine."""
    text = (SHIPPED / "quick.toml").read_text()
    text = text[: text.index("# One crash")] + text[text.index("[objective]") :] + extra
    settings = {
        "warmup_s": "0.2",
        "baseline_s": "0.8",
        "guard_s": "0",
        "after_fault_s": "0",
        "mean_ms": "0",
        "order_quantile": "0.5",
        "lag_p99_ms": "2000",
        "generator_cpu_share": "1",
        "customers": "20",
        **changes,
    }
    lines = text.splitlines()
    for index, line in enumerate(lines):
        name = line.split(" = ")[0]
        if name in settings and "[knee]" not in lines[:index]:
            lines[index] = f"{name} = {settings[name]}"
    return parse_scenario("\n".join(lines), "tiny.toml")


def campaign(scenario: Scenario, out: Path, *targets: str) -> RunResult:
    request = Request(scenario, targets or ("synthetic",), out, 5)
    folder = run_loop(run_all(request, Terminal(io.StringIO())))
    return analyse_run(folder)


def test_a_campaign_from_its_knee_to_its_report(tmp_path: Path) -> None:
    result = campaign(tiny(), tmp_path)
    (target,) = result.targets
    assert target.knee_sessions_per_s == 80
    assert [p.sessions_per_s for p in target.probes] == [40, 80]
    assert [(t.load_name, t.repetition) for t in target.trials] == [
        ("low", 1),
        ("half", 1),
        ("low", 2),
        ("half", 2),
    ]
    low, half = target.at("low"), target.at("half")
    assert half[0].offered_orders_per_s > 1.2 * low[0].offered_orders_per_s
    assert low[0].seed != low[1].seed
    assert all(trial.cost is not None for trial in target.trials)
    assert result.is_valid
    assert result.passes
    page = write_page(result, tmp_path / "report.html").read_text()
    assert "How much each carries" in page


def test_a_stopped_run_goes_on_with_what_is_left_and_keeps_what_is_whole(
    tmp_path: Path,
) -> None:
    scenario = tiny()
    terminal = StopAt("2/4", io.StringIO())

    async def stopped() -> None:
        terminal.stop = asyncio.current_task().cancel  # type: ignore[union-attr]
        await run_all(Request(scenario, ("synthetic",), tmp_path, 5), terminal)

    with pytest.raises(asyncio.CancelledError):
        run_loop(stopped())
    folder = RunFolder.open((tmp_path / "latest").resolve())
    assert "--resume" in terminal.lines[-1]
    done = folder.finished("synthetic", TRIAL)
    assert len(done) == 1
    kept = (done[0][1] / "history.jsonl").read_bytes()
    folder.trial("synthetic", 9).joinpath("history.jsonl").write_text("torn")

    run_loop(resume(folder.path, Terminal(io.StringIO())))
    result = analyse_run(folder)
    (target,) = result.targets
    assert len(target.trials) == 4
    assert len(target.probes) == 2, "the knee is not searched again"
    assert not (folder.path / "targets/synthetic/trial-9").exists()
    assert (done[0][1] / "history.jsonl").read_bytes() == kept
    assert len(result.manifest["resumed"]) == 1
    assert {t.repetition for t in target.at("low")} == {1, 2}


def test_a_run_of_other_versions_is_not_gone_on_with(tmp_path: Path) -> None:
    result = campaign(tiny("", baseline_s="0.3"), tmp_path)
    path = result.folder / "manifest.json"
    manifest = read_json(path)
    manifest["packages"]["aiohttp"] = "0.0.1"
    write_json(path, manifest)
    with pytest.raises(BenchError, match="other versions of aiohttp"):
        run_loop(resume(result.folder, Terminal(io.StringIO())))


def test_an_invalid_trial_is_run_again_so_often_and_stays_with_its_reason(
    tmp_path: Path,
) -> None:
    # No generator is never late: every trial is rejected.
    scenario = tiny("", lag_p99_ms="0.1", lag_share_of_p99="0", reruns_max="2")
    result = campaign(scenario, tmp_path)
    (target,) = result.targets
    assert [t.number for t in target.trials] == [1, 2, 3]
    assert not result.is_valid
    page = write_page(result, tmp_path / "report.html").read_text()
    assert page.count("INVALID: generator lag p99") >= 3


def test_no_more_trials_than_the_time_allows_and_the_rest_is_named(
    tmp_path: Path,
) -> None:
    text = '[trials]\ncount = 3\n[[load]]\nname = "low"\nsessions_per_s = 9\n'
    result = campaign(tiny(text, time_budget_s="1"), tmp_path)
    (target,) = result.targets
    assert len(target.trials) == 1, "the first trial of a load is always made"
    left_out = result.manifest["left_out"]
    assert [cell["repetition"] for cell in left_out] == [2, 3]
    page = write_page(result, tmp_path / "report.html").read_text()
    assert "2 trials not made, the run&#x27;s time was over" in page


def test_a_target_that_cannot_be_reached_is_missing_and_the_others_go_on(
    tmp_path: Path,
) -> None:
    nobody = "chain=http://127.0.0.1:9"
    result = campaign(tiny("", baseline_s="0.3"), tmp_path, nobody, "synthetic")
    missing, synthetic = result.targets
    assert missing.name == "chain-127.0.0.1-9"
    assert missing.missing is not None
    assert "does not answer as an Ethereum node" in missing.missing
    assert len(synthetic.trials) == 1
    assert not result.is_valid


class StopAt(Terminal):
    """Ctrl-C at the first line of progress that begins with the words."""

    def __init__(self, words: str, stream: io.StringIO) -> None:
        super().__init__(stream)
        self._words = words
        self.lines: list[str] = []
        self.stop: Callable[[], object] | None = None

    def say(self, text: str) -> None:
        self.lines.append(text)
        if self.prefix.startswith(self._words) and self.stop is not None:
            stop, self.stop = self.stop, None
            stop()
