"""A matrix is kept whole, says what it means, and tells what was not done."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.spof.matrix import SPOF_FILE, Cell, Matrix, read, save
from bench.spof.table import lines, section
from bench.spof.verdict import OperationVerdict, Word


def verdict(word: Word, outage_s: float = 0.0) -> OperationVerdict:
    return OperationVerdict(word, 100, 90, 12.5, outage_s)


def cell(component: str, browse: Word, order: Word, fault: str = "kill") -> Cell:
    return Cell(
        component,
        "database",
        "",
        fault,
        component,
        "supervisor",
        None,
        "stage-1",
        10.0,
        40.0,
        44.0,
        1.25,
        {"browse": verdict(browse), "place_order": verdict(order, 19.3)},
    )


def matrix(*cells: Cell) -> Matrix:
    usual: dict[str, float | None] = {"browse": 9.5, "place_order": None}
    return Matrix(
        "replicated", "two copies", ("browse", "place_order"), cells, None, usual
    )


def test_a_matrix_survives_its_file(tmp_path: Path) -> None:
    plain = cell("db1", Word.WORKS, Word.LOSES)
    lossy = replace(plain, office="primary", lost=("ab",))
    made = matrix(lossy, Cell("db2", "database", "", "delay", not_run="no relay"))
    save(tmp_path / SPOF_FILE, [made])
    assert read(tmp_path / SPOF_FILE) == [made]


def test_what_stops_or_loses_is_a_single_point_and_what_degrades_is_not() -> None:
    made = matrix(
        cell("balancer", Word.STOPS, Word.STOPS),
        cell("app1", Word.WORKS, Word.WORKS),
        cell("db1", Word.WORKS, Word.DEGRADED),
        cell("db1", Word.WORKS, Word.LOSES, "pause"),
    )
    assert made.single_points == ["balancer", "db1"]
    text = "\n".join(lines(made))
    assert "2 single points of failure among 3 components: balancer and db1" in text


def test_the_table_gives_the_outage_of_what_was_taken_over() -> None:
    text = "\n".join(lines(matrix(cell("db1", Word.WORKS, Word.DEGRADED))))
    assert "degraded (19.3 s)" in text
    assert "no single point of failure among 1 component" in text


def test_what_was_not_run_is_named_with_its_reason_and_proves_nothing() -> None:
    text = "\n".join(lines(matrix(Cell("db1", "database", "", "delay", not_run="why"))))
    assert "no fault was run, so nothing is known" in text
    ran = matrix(
        cell("db1", Word.WORKS, Word.WORKS),
        Cell("db1", "database", "", "delay", not_run="it takes a relay"),
    )
    assert "not run: delay of db1 (it takes a relay)" in "\n".join(lines(ran))


def test_a_target_that_is_missing_is_named() -> None:
    made = Matrix("cdn", "", (), (), "no nginx")
    assert lines(made) == ["cdn", "  not measured: no nginx"]


def test_a_report_shows_the_matrix_that_its_folder_holds(tmp_path: Path) -> None:
    assert section(tmp_path) == ""
    save(tmp_path / SPOF_FILE, [matrix(cell("<db>", Word.WORKS, Word.DEGRADED))])
    html = section(tmp_path)
    assert "&lt;db&gt;" in html
    assert "<db>" not in html
    assert "degraded (19.3 s)" in html


def test_a_file_that_is_no_matrix_is_an_error(tmp_path: Path) -> None:
    (tmp_path / SPOF_FILE).write_text('{"targets": [{"cells": 1}]}')
    with pytest.raises(BenchError, match="no matrix"):
        read(tmp_path / SPOF_FILE)
