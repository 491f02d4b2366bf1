"""The decision guide: each column computed, nobody in it who was not asked."""

import dataclasses
import re
from pathlib import Path

import pytest

from bench.analysis.run import RunResult, analyse_run
from bench.report.guide import guide_table
from bench.report.sentences import calibration_sentence
from tests.bench.made_run import make_run, make_series


@pytest.fixture
def result(tmp_path: Path) -> RunResult:
    return analyse_run(make_run(tmp_path))


def rows_of(result: RunResult) -> dict[str, tuple[str, str]]:
    found = re.findall(
        r"<tr><td>([^<]*)</td><td[^>]*>([^<]*)</td><td[^>]*>([^<]*)</td>",
        guide_table(result),
    )
    return {need: (yes, no) for need, yes, no in found}


def test_who_showed_what_and_who_did_not(result: RunResult) -> None:
    rows = rows_of(result)
    liar = rows["No operator may be able to change or forge an order"]
    assert liar == ("validators-4", "single")
    assert rows["Every shopper is served through it, if clients retry"] == (
        "validators-4",
        "single",
    )
    assert rows["Service is back within 5 s of it"] == ("validators-4", "single")
    assert rows["No acknowledged order may be lost when a part dies"][1] == "n/a"
    assert (
        rows["The objective holds at the lowest load"][0] == "single and validators-4"
    )


def test_who_was_not_asked_is_in_neither_column(tmp_path: Path) -> None:
    rows = rows_of(analyse_run(make_series(tmp_path, {"single": [10.0, 11.0]})))
    assert rows["Service is back within 5 s of it"] == ("n/a", "n/a")


def test_a_run_without_a_calibration_says_so(result: RunResult) -> None:
    assert "was not calibrated" in calibration_sentence(result)
    told = {"requests_per_cpu_s": 10_000.0, "floor_ms_p50": 0.1, "floor_ms_p99": 0.3}
    known = {**result.manifest, "calibration": told}
    words = calibration_sentence(dataclasses.replace(result, manifest=known))
    assert "makes 10,000 requests for a second of its CPU" in words
    assert "began 20 requests, 0.2 % of what one core could" in words
