"""The same seed gives the same bytes, however strings are hashed."""

import json
import os
import subprocess
import sys
from pathlib import Path

from node.simulation.plan import plan_of
from node.simulation.run import simulate

SEED = "33"
SEEDS = 12


def log_of(hash_seed: str, path: Path) -> bytes:
    """The full event log of a run in a process of its own."""
    words = ["simulate", "--seed", SEED, "--log", str(path), "--json"]
    subprocess.run(
        [sys.executable, "-m", "node", *words],
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )
    return path.read_bytes()


def test_the_event_log_is_the_same_under_any_hash_seed(tmp_path: Path) -> None:
    first = log_of("1", tmp_path / "first")
    assert len(first) > 100_000
    assert log_of("2", tmp_path / "second") == first


def digests_of(hash_seed: str) -> list[str]:
    """Of the event logs of several seeds, in a process of their own."""
    words = ["simulate", "--seed", "1", "--count", str(SEEDS), "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "node", *words],
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )
    return [outcome["log_digest"] for outcome in json.loads(done.stdout)]


def test_no_seed_depends_on_how_strings_are_hashed() -> None:
    first, second = digests_of("3"), digests_of("4")
    assert len(first) == SEEDS
    assert first == second


def test_a_run_within_the_same_process_repeats_itself() -> None:
    first, second = simulate(plan_of(5)), simulate(plan_of(5))
    assert first.digest == second.digest
    assert first.lines == second.lines
    assert simulate(plan_of(6)).digest != first.digest
