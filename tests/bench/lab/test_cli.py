"""Lessons are listed and given; the one in the simulator is given here in full."""

import argparse
import json
from pathlib import Path

import pytest

from bench.errors import BenchError, Exit
from bench.lab.cli import configure
from bench.lab.lessons import LESSONS


def lab(*words: str) -> int:
    parser = argparse.ArgumentParser()
    configure(parser)
    arguments = parser.parse_args(words)
    return int(arguments.run(arguments))


def test_all_five_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert lab() == Exit.OK
    text = capsys.readouterr().out
    assert [line.split()[0] for line in text.splitlines()[:5]] == [
        "kill-server",
        "kill-primary",
        "kill-validator",
        "partition",
        "equivocate",
    ]
    assert lab("--json") == Exit.OK
    listed = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in listed] == [lesson.name for lesson in LESSONS]
    assert all(entry["about_s"] <= 120 for entry in listed)


def test_an_unknown_lesson_names_those_there_are() -> None:
    with pytest.raises(BenchError, match="kill-server, kill-primary"):
        lab("kill-all")


def test_the_liar_is_caught_and_the_lesson_tells_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lab("equivocate", "--out", str(tmp_path)) == Exit.OK
    text = capsys.readouterr().out
    assert "LESSON equivocate" in text
    assert "B proposed two blocks" in text
    assert "became final, each with one block" in text
    assert "keeps evidence: B signed two PREPAREs" in text
    assert "QUESTIONS" in text
    (folder,) = tmp_path.iterdir()
    names = {path.name for path in folder.iterdir()}
    assert {"figures.json", "sequence.txt", "sequence.mmd", "sequence.svg"} <= names
    figures = json.loads((folder / "figures.json").read_text())
    assert figures["clean"] is True
    for digests in figures["double_proposals"].values():
        assert len(set(digests)) == 2
    assert all(len(final["digests"]) == 1 for final in figures["finals"].values())
    # Every honest one that heard both keeps evidence.
    assert {"A", "C", "D"} <= set(figures["evidence_kept"])


def test_figures_are_printed_as_json_on_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lab("equivocate", "--json", "--out", str(tmp_path)) == Exit.OK
    assert json.loads(capsys.readouterr().out)["lesson"] == "equivocate"


def test_every_lesson_tells_before_and_asks_after() -> None:
    for lesson in LESSONS:
        assert any(text.startswith("Expect: ") for text in lesson.before)
        assert len(lesson.questions) == 3
        assert lesson.acts or not lesson.target
