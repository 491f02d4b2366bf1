"""`simulate` and `replay` as a user meets them."""

import argparse
import json
from pathlib import Path

import pytest

from node.cli.errors import CommandError
from node.cli.simulation import replay, simulate


def parsed(module: object, *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    module.configure(parser)  # type: ignore[attr-defined]
    return parser.parse_args(words)


def test_a_seed_shows_its_schedule_and_verdict(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert simulate.run(parsed(simulate, "--seed", "5")) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("seed 5: clean; ")
    assert " s  " in printed


def test_json_names_every_seed(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--seed", "5", "--count", "2", "--size", "4", "--json")
    assert simulate.run(parsed(simulate, *words)) == 0
    outcomes = json.loads(capsys.readouterr().out)
    assert [outcome["seed"] for outcome in outcomes] == [5, 6]
    assert all(outcome["clean"] for outcome in outcomes)
    assert all(outcome["validators"] == 4 for outcome in outcomes)


def test_a_log_can_be_stepped_through(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = str(tmp_path / "run.log")
    simulate.run(parsed(simulate, "--seed", "5", "--size", "4", "--log", log))
    capsys.readouterr()
    assert replay.run(parsed(replay, log, "--host", "B", "--steps", "3")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all(line.split()[1] == "B" for line in lines)
    assert "PeerConnected at_ms=" in lines[0]
    everything = [text for _, text in replay.steps(log, None)]
    assert any("-> all COMMIT" in text for text in everything)


def test_nonsense_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "nonsense"
    path.write_text("no log\n")
    with pytest.raises(CommandError, match="simulate --seed N --log FILE"):
        replay.run(parsed(replay, str(path)))
    for words in (("--count", "0"), ("--size", "40"), ("--keep", "x")):
        with pytest.raises(CommandError):
            simulate.run(parsed(simulate, "--seed", "1", *words))
