"""Costs are shown with what was not measured, and projections are called that."""

from pathlib import Path

import pytest

from bench.cost.prices import load_prices
from bench.cost.run import COST_FILE, CostResult, read, save
from bench.cost.table import as_json, lines, section
from bench.errors import BenchError
from tests.bench.cost.test_demand import demand

MIX = {"browse": 120, "place_order": 100}


def result(**changes: object) -> CostResult:
    facts = {"target": "single", "demand": demand(), "mix": MIX, **changes}
    return CostResult(**facts)  # type: ignore[arg-type]


def test_results_survive_their_file(tmp_path: Path) -> None:
    made = [result(not_measured={"fsyncs": "needs root"}), result(demand=None)]
    save(tmp_path / COST_FILE, made, "the list")
    assert read(tmp_path / COST_FILE) == (made, "the list")


def test_a_bound_is_called_a_projection_and_the_total_is_there() -> None:
    text = "\n".join(lines(result(), load_prices(None)))
    assert "Projection: at most" in text
    assert "db is the first to be full" in text
    assert "100 place_order" in text
    assert any(line.split()[:2] == ["all", "45"] for line in text.splitlines())


def test_what_was_not_measured_is_named() -> None:
    text = "\n".join(
        lines(result(not_measured={"fsyncs": "it needs root"}), load_prices(None))
    )
    assert "Not measured: fsyncs (it needs root)." in text


def test_a_missing_target_is_named() -> None:
    gone = result(demand=None, missing="no nginx")
    assert lines(gone, load_prices(None)) == ["single", "  not measured: no nginx"]
    assert as_json(gone, load_prices(None))["missing"] == "no nginx"


def test_a_report_shows_what_its_folder_holds(tmp_path: Path) -> None:
    assert section(tmp_path) == ""
    prices = load_prices(None)
    save(
        tmp_path / COST_FILE, [result(target="<x>"), result(demand=None)], prices.source
    )
    html = section(tmp_path)
    assert "&lt;x&gt;" in html
    assert "<x>" not in html
    assert "example price list" in html
    assert "Not measured" in html


def test_another_price_list_changes_the_report(tmp_path: Path) -> None:
    prices = load_prices(None)
    save(tmp_path / COST_FILE, [result()], prices.source)
    before = section(tmp_path)
    dear = prices.source.replace("database = 0.12", "database = 12")
    save(tmp_path / COST_FILE, [result()], dear)
    assert section(tmp_path) != before


def test_a_file_without_costs_is_an_error(tmp_path: Path) -> None:
    (tmp_path / COST_FILE).write_text("{}")
    with pytest.raises(BenchError, match="no costs"):
        read(tmp_path / COST_FILE)
