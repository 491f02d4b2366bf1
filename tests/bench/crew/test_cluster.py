"""Generators on dask.distributed: real processes, by the command that a user types."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from bench.compare import run_loop
from bench.crew.cluster import open_crew
from bench.crew.wish import CrewWish
from bench.errors import BenchError
from bench.store.folder import read_json
from tests.bench.test_cli import DEADLINE_S, short_scenario

needs_distributed = pytest.mark.skipif(
    find_spec("distributed") is None,
    reason="dask.distributed is not installed: pip install 'chandlery[bench-dask]'",
)


def test_without_distributed_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)

    async def opened() -> None:
        async with open_crew(CrewWish(2)):
            raise AssertionError("it cannot be had")

    with pytest.raises(BenchError, match=r"pip install 'chandlery\[bench-dask\]'"):
        run_loop(opened())


@needs_distributed
def test_two_processes_make_one_load(tmp_path: Path) -> None:
    path = short_scenario(tmp_path, load_s=2)
    words = ["run", str(path), "--target", "synthetic", "--generators", "2"]
    ran = subprocess.run(
        [sys.executable, "-m", "bench", *words, "--out", str(tmp_path / "r"), "--json"],
        capture_output=True,
        text=True,
        timeout=2 * DEADLINE_S,
        check=False,
    )
    assert ran.returncode in (0, 5), ran.stderr  # 5: this machine was too busy
    (target,) = json.loads(ran.stdout)["targets"]
    assert target["trials"][0]["orders"]["lost"] == 0
    run = tmp_path / "r/latest"
    manifest = read_json(run / "manifest.json")
    assert manifest["generators"] == {
        "count": 2,
        "where": "processes of this machine",
    }
    facts = read_json(run / "targets/synthetic/trial-1/trial.json")
    shares = [one["load"]["sessions"] for one in facts["generators"]]
    assert len(shares) == 2
    assert all(shares)
    assert sum(shares) == facts["load"]["sessions"]
    assert "The load came from 2 generators" in (run / "report.html").read_text()
