"""Every fault is listed with its means or with the reason why it cannot be had."""

from bench.faults.capability import capabilities, lines
from bench.faults.cgroups import unavailable
from bench.faults.saboteur import KINDS


def test_every_kind_that_can_be_asked_for_is_listed() -> None:
    assert set(KINDS) <= {item.name for item in capabilities()}


def test_each_has_means_or_a_reason() -> None:
    for item in capabilities():
        assert item.means or item.why_not, item.name


def test_the_kernel_is_offered_exactly_where_it_answers() -> None:
    offered = {
        item.why_not for item in capabilities() if item.means.startswith("kernel")
    }
    assert unavailable() in offered


def test_the_table_says_no_with_a_reason() -> None:
    text = "\n".join(lines())
    assert "fsync-error" in text
    (clock,) = [line for line in lines() if line.startswith("clock offset")]
    assert "no" in clock.split()
    assert "chandlery simulate" in clock
