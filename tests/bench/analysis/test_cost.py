"""Cost: the difference of two samples, over the orders between them."""

import pytest

from bench.analysis.cost import baseline_cost
from bench.analysis.read import RawTrial
from tests.bench.made_run import record


def sample(label: str, at_s: float, cpu_s: dict[str, float]) -> dict[str, object]:
    return {
        "label": label,
        "at_ns": int(at_s * 1e9),
        "components": [
            {
                "name": name,
                "role": "web",
                "cpu_seconds": used,
                "rss_bytes": 5,
                "write_bytes": int(used * 1000),
            }
            for name, used in cpu_s.items()
        ],
    }


def raw(*components: dict[str, object]) -> RawTrial:
    records = [record(number, 10.0) for number in range(100)]  # ten a second
    return RawTrial(records, [], list(components), [], [], None, {})


def test_cpu_and_bytes_are_shared_among_the_orders_between_the_samples() -> None:
    cost = baseline_cost(
        raw(
            sample("baseline_start", 2.0, {"a": 1.0, "b": 0.5}),
            sample("", 4.0, {"a": 9.0, "b": 9.0}),
            sample("baseline_end", 6.0, {"a": 1.4, "b": 0.9}),
        )
    )
    assert cost is not None
    assert (cost.seconds, cost.orders) == (4.0, 40)
    assert cost.cpu_s == pytest.approx(0.8)
    assert cost.cpu_ms_per_order == pytest.approx(20.0)
    assert cost.written_bytes_per_order == pytest.approx(20.0)


def test_a_component_that_came_later_counts_from_its_birth() -> None:
    cost = baseline_cost(
        raw(
            sample("baseline_start", 2.0, {"a": 1.0}),
            sample("baseline_end", 6.0, {"a": 1.0, "new": 0.4}),
        )
    )
    assert cost is not None
    assert cost.cpu_s == pytest.approx(0.4)


def test_without_both_edges_there_is_no_cost() -> None:
    assert baseline_cost(raw(sample("baseline_start", 2.0, {"a": 1.0}))) is None
    empty: dict[str, object] = {"label": "baseline_end", "at_ns": 6, "components": []}
    assert baseline_cost(raw(sample("baseline_start", 2.0, {"a": 1}), empty)) is None
