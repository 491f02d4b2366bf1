"""diff, gate and reproduce: what they find, and the exit codes of a gate."""

import dataclasses
import json
from pathlib import Path

import pytest

from bench.analysis.run import RunResult, analyse_run
from bench.analysis.series import BY_NAME
from bench.errors import BenchError, Exit
from bench.stats.ranks import Interval
from bench.stats.verdict import Finding, Verdict
from bench.store.folder import RunFolder, read_json, write_json
from bench.verbs.difference import Difference, conditions, differences
from bench.verbs.gate import conditions_of, exit_code_of
from tests.bench.made_run import make_run, make_series
from tests.bench.test_cli import bench

STEADY = [10.0, 10.2, 9.9, 10.1, 10.3, 9.8]


def series(root: Path, **waits_ms: list[float]) -> RunResult:
    named = {name.replace("_", "-"): waits for name, waits in waits_ms.items()}
    return analyse_run(make_series(root, named))


def found(a: RunResult, b: RunResult, metric: str) -> str:
    (difference,) = [d for d in differences(a, b) if d.metric.name == metric]
    return difference.sentence


def test_a_run_beside_itself_differs_in_nothing(tmp_path: Path) -> None:
    run = series(tmp_path, single=STEADY)
    assert conditions(run.manifest, run.manifest) == []
    assert not any(d.verdict.is_claim for d in differences(run, run))


def test_a_slower_run_is_called_worse_only_with_an_interval_that_says_so(
    tmp_path: Path,
) -> None:
    before = series(tmp_path / "a", single=STEADY)
    slower = series(tmp_path / "b", single=[wait * 2 for wait in STEADY])
    wild = series(tmp_path / "c", single=[5.0, 30.0, 8.0, 25.0, 9.0, 40.0])
    few = series(tmp_path / "d", single=[20.0, 21.0])
    metric = "order_latency_ms_p50"
    assert "2 times, worse; ratio in [" in found(before, slower, metric)
    assert "0.5 times, better" in found(slower, before, metric)
    assert "not distinguished; ratio in [" in found(before, wild, metric)
    assert "no interval, no claim" in found(before, few, metric)
    assert "equivalent" in found(before, slower, "goodput_orders_per_s")


@pytest.mark.parametrize(
    ("metric", "finding", "worse"),
    [
        ("order_latency_ms_p50", Finding.HIGHER, True),
        ("order_latency_ms_p50", Finding.LOWER, False),
        ("goodput_orders_per_s", Finding.LOWER, True),
        ("goodput_orders_per_s", Finding.HIGHER, False),
        ("goodput_orders_per_s", Finding.UNDISTINGUISHED, False),
        ("cpu_ms_per_order", Finding.UNCARRIED, False),
    ],
)
def test_which_way_is_worse(metric: str, finding: Finding, worse: bool) -> None:
    verdict = Verdict(finding, 2.0, Interval(2.0, 1.5, 2.5, 0.93))
    assert Difference("single", "low", BY_NAME[metric], verdict).is_worse is worse


def test_what_differed_between_the_runs_themselves_is_named(tmp_path: Path) -> None:
    a = series(tmp_path, single=STEADY).manifest
    b = json.loads(json.dumps(a))
    b["packages"]["chandlery"] = "9.9"
    b["machine"]["cores"] = 64
    b["machine"]["fsync_ms"] = {"median": 9.0, "worst": 9.0}
    b["seed"] = 2
    assert conditions(a, b) == [
        "seed: 1 and 2",
        "package chandlery: 0.1.0 and 9.9",
        "machine cores: 2 and 64",
    ]


def code(result: RunResult, earlier: RunResult | None = None) -> Exit:
    return exit_code_of(conditions_of(result, earlier))


def test_the_gate_opens_for_a_good_run(tmp_path: Path) -> None:
    assert code(series(tmp_path, single=STEADY)) is Exit.OK


def test_the_gate_shuts_for_a_missing_target_a_failed_check_and_a_missed_objective(
    tmp_path: Path,
) -> None:
    assert code(analyse_run(make_run(tmp_path / "a"))) is Exit.INVALID_MEASUREMENT

    run = make_series(tmp_path / "b", {"single": STEADY})
    path = run.path / "targets/single/trial-3/audit.json"
    audit = read_json(path)
    write_json(path, {**audit, "orders": audit["orders"][1:]})
    assert code(analyse_run(run)) is Exit.CHECK_FAILED

    slow = series(tmp_path / "c", single=[3100.0] * 6)
    shut = [c for c in conditions_of(slow, None) if not c.holds]
    assert {c.name for c in shut} == {
        f"single objective, trial {n}" for n in range(1, 7)
    }
    assert "within 3 s" in shut[0].detail
    assert code(slow) is Exit.CHECK_FAILED


def test_the_gate_against_an_earlier_run_shuts_for_what_is_surely_worse(
    tmp_path: Path,
) -> None:
    before = series(tmp_path / "a", single=STEADY)
    slower = series(tmp_path / "b", single=[wait * 2 for wait in STEADY])
    wild = series(tmp_path / "c", single=[5.0, 30.0, 8.0, 25.0, 9.0, 40.0])
    assert code(slower, before) is Exit.CHECK_FAILED
    assert code(before, slower) is Exit.OK
    assert code(wild, before) is Exit.OK


def test_runs_of_different_scenarios_are_not_judged_against_each_other(
    tmp_path: Path,
) -> None:
    run = series(tmp_path, single=STEADY)
    other = dataclasses.replace(run.scenario, source="another")
    with pytest.raises(BenchError, match="of different scenarios"):
        conditions_of(run, dataclasses.replace(run, scenario=other))


def test_the_commands_print_and_return(tmp_path: Path) -> None:
    a = make_series(tmp_path / "a", {"single": STEADY}).path
    b = make_series(tmp_path / "b", {"single": [2 * w for w in STEADY]}).path
    ran = bench("diff", str(a), str(b))
    assert ran.returncode == 0
    assert "order latency ms p50: 2 times, worse" in ran.stdout
    ran = bench("diff", str(a), str(b), "--json")
    assert {row["target"] for row in json.loads(ran.stdout)["figures"]} == {"single"}
    assert bench("gate", str(a)).returncode == 0
    ran = bench("gate", str(b), "--against", str(a))
    assert ran.returncode == 1
    assert "FAILS  single no worse: order_latency_ms_p50" in ran.stdout
    ran = bench("gate", str(b), "--against", str(a), "--json")
    assert json.loads(ran.stdout)["passes"] is False


def test_a_run_is_done_again_by_its_manifest_and_set_beside_the_first(
    tmp_path: Path,
) -> None:
    from tests.bench.test_cli import short_scenario

    path = short_scenario(tmp_path, load_s=1)
    words = ("--target", "synthetic", "--out", str(tmp_path / "first"))
    assert bench("run", str(path), *words).returncode in (0, 5)
    first = RunFolder.open((tmp_path / "first/latest").resolve()).path
    manifest = tmp_path / "manifest.json"
    write_json(manifest, read_json(first / "manifest.json"))

    ran = bench("reproduce", str(first), "--out", str(tmp_path / "again"))
    assert ran.returncode in (0, 5), ran.stderr  # 5: this machine was too busy
    assert "This differs from then in" in ran.stderr
    assert "Now over then" in ran.stdout
    again = analyse_run(RunFolder.open((tmp_path / "again/latest").resolve()))
    before = analyse_run(RunFolder.open(first))
    assert again.scenario.source == before.scenario.source
    assert again.targets[0].trials[0].seed == before.targets[0].trials[0].seed
    assert (
        again.targets[0].trials[0].sessions == before.targets[0].trials[0].sessions > 0
    )


def test_a_run_becomes_a_page_that_says_of_what_it_speaks(tmp_path: Path) -> None:
    waits = {"single": STEADY, "validators-4": [9 * wait for wait in STEADY]}
    run = make_series(tmp_path / "runs", waits)
    ran = bench("publish", str(run.path), "--to", str(tmp_path / "docs"))
    assert ran.returncode == 0, ran.stderr
    page = (tmp_path / "docs/README.md").read_text()
    assert "on one machine of 2 cores (abacus, Linux 6)" in page
    assert "| low | order latency ms p50 | validators-4 | single | 9 | [8." in page
    assert "## What speaks against each\n\n- Against validators-4: at the low" in page
    for name in ("manifest.json", "scenario.toml", "figures.json"):
        assert f"({name})" in page
        assert (tmp_path / "docs" / name).is_file()
    assert str(tmp_path) not in page


def test_a_manifest_that_is_not_enough_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    write_json(path, {"seed": 1})
    ran = bench("reproduce", str(path))
    assert ran.returncode == 2
    assert "does not hold 'scenario_source'" in ran.stderr
