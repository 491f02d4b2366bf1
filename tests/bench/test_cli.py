"""The commands: their errors, their exit codes, and that Ctrl-C leaves nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from bench.scenario.load import SHIPPED
from bench.store.folder import read_json, write_json
from tests.bench.made_run import make_run

DEADLINE_S = 60


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *words],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def short_scenario(folder: Path, load_s: int) -> Path:
    """The quick scenario for a few seconds, without a fault."""
    text = (SHIPPED / "quick.toml").read_text()
    fault = text[text.index("# One crash") : text.index("[objective]")]
    text = text.replace(fault, "")
    for old, new in (
        ("warmup_s = 4", "warmup_s = 0"),
        ("baseline_s = 30", f"baseline_s = {load_s}"),
        ("guard_s = 1", "guard_s = 0"),
        ("mean_ms = 600", "mean_ms = 0"),
        ("after_fault_s = 16", "after_fault_s = 0"),
    ):
        assert old in text
        text = text.replace(old, new)
    path = folder / "short.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "sprint"), "there is no scenario 'sprint'"),
        (("run", "quick", "--target", "castle"), "there is no target 'castle'"),
        (("report", "nowhere"), "is no run"),
    ],
)
def test_errors_are_one_line_with_advice(
    words: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    ran = bench(*words)
    assert ran.returncode == 2
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_report_is_made_again_and_tells_by_its_exit_code(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    ran = bench("report", str(tmp_path / "latest"))
    assert ran.returncode == 5, "a target is missing"
    assert str(run.path / "report.html") in ran.stdout
    assert (run.path / "report.html").stat().st_size > 1_000_000

    manifest = read_json(run.path / "manifest.json")
    write_json(
        run.path / "manifest.json",
        {**manifest, "targets": ["single", "validators-4"]},
    )
    ran = bench("report", str(run.path), "--json")
    assert ran.returncode == 0
    assert json.loads(ran.stdout)["checks_pass"] is True

    path = run.path / "targets/single/trial-1/audit.json"
    audit = read_json(path)
    write_json(path, {**audit, "orders": audit["orders"][1:]})
    assert bench("report", str(run.path)).returncode == 1


def test_a_run_from_start_to_report(tmp_path: Path) -> None:
    path = short_scenario(tmp_path, load_s=2)
    ran = bench(
        "run",
        str(path),
        "--target",
        "synthetic",
        "--out",
        str(tmp_path / "r"),
        "--json",
    )
    results = json.loads(ran.stdout)
    assert ran.returncode in (0, 5), ran.stderr  # 5: this machine was too busy
    (target,) = results["targets"]
    assert target["trials"][0]["orders"]["lost"] == 0
    assert Path(results["report"]).is_file()
    assert (tmp_path / "r/latest/manifest.json").is_file()


def test_ctrl_c_stops_the_target_and_leaves_no_process(tmp_path: Path) -> None:
    path = short_scenario(tmp_path, load_s=120)
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "bench",
            "run",
            str(path),
            "--target",
            "synthetic",
            "--out",
            str(tmp_path),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        family = _wait_for_family(process.pid)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "interrupted; the target is being stopped" in errors
    gone, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
    assert len(gone) == 2


def _wait_for_family(pid: int) -> list[psutil.Process]:
    """The bench's supervisor and its server, once both run and the load is on."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        family = psutil.Process(pid).children(recursive=True)
        if len(family) == 2:
            return family
        os.sched_yield()
    raise AssertionError("the target never came up")
