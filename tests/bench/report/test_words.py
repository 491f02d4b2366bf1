"""How figures are written."""

import pytest

from bench.report.words import (
    FIGURE_NAMES,
    listed,
    milliseconds,
    number,
    percent,
    plural,
    quantile_name,
    seconds,
)
from bench.scenario.load import PRIMARY


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "n/a"),
        (0, "0"),
        (0.012345, "0.0123"),
        (1.5, "1.5"),
        (99.96, "100"),
        (123.4, "123"),
        (1234567.0, "1,234,567"),
        (0.00000123, "0.00000123"),
    ],
)
def test_numbers_keep_three_digits(value: float | None, text: str) -> None:
    assert number(value) == text


def test_times_change_their_unit_at_a_second() -> None:
    assert milliseconds(12.34) == "12.3 ms"
    assert milliseconds(1234.0) == "1.23 s"
    assert (milliseconds(None), seconds(None)) == ("n/a", "n/a")
    assert seconds(6.04) == "6.04 s"


def test_a_share_below_one_is_never_rounded_up_to_all() -> None:
    assert percent(1.0) == "100 %"
    assert percent(0.999999) == "> 99.99 %"
    assert percent(0.98765) == "98.77 %"


def test_names_and_lists() -> None:
    assert [quantile_name(q) for q in (0.5, 0.99, 0.999)] == ["p50", "p99", "p99.9"]
    assert [plural(n, "order") for n in (1, 2000)] == ["1 order", "2,000 orders"]
    assert listed(["a", "b", "c"]) == "a, b and c"


def test_every_figure_that_a_scenario_may_declare_has_a_name_for_people() -> None:
    assert set(FIGURE_NAMES) == set(PRIMARY)
