"""Demands, bounds and prices follow from two spans of counters; worked by hand here."""

import pytest

from bench.cost.demand import (
    Counters,
    Demand,
    Usage,
    bound_apart,
    bound_together,
    demand_from,
    demand_json,
    demand_of,
    price_of,
)
from bench.cost.prices import SHIPPED, Prices, load_prices, parse_prices
from bench.errors import BenchError

PRICES = Prices("EUR", {"default": 0.36, "database": 0.72}, 0.36, 2.0, 4.0, 2, "")


def usage(role: str, seconds: float, cpu_s: float, **more: float) -> Usage:
    return Usage(
        role,
        seconds,
        cpu_s,
        more.get("written", 0.0),
        more.get("sent", 0.0),
        more.get("fsyncs", 0.0),
    )


def demand() -> Demand:
    """100 orders in 20 s: web 5 ms each on top of nothing, database 20 ms on top of a
    tenth of a core."""
    loaded = {
        "app1": usage("web", 20.0, 0.5, sent=1e6),
        "db": usage("database", 20.0, 4.0, written=2e6, sent=1e6, fsyncs=150),
    }
    rest = {"app1": usage("web", 10.0, 0.0), "db": usage("database", 10.0, 1.0)}
    found = demand_of(loaded, rest, 100)
    assert found is not None
    return found


def test_a_span_is_the_difference_of_two_samples() -> None:
    before = Counters("web", 1.5, 100, 10, 3)
    after = Counters("web", 2.0, 400, 60, 10)
    assert Usage.between(before, after, 4.0) == Usage("web", 4.0, 0.5, 300, 50.0, 7.0)


def test_what_was_not_counted_is_not_zero() -> None:
    before = Counters("web", 0.0, 0, None, None)
    after = Counters("web", 1.0, 0, None, 5)
    span = Usage.between(before, after, 1.0)
    assert (span.sent_bytes, span.fsyncs) == (None, None)
    found = demand_of({"a": span}, {"a": span}, 10)
    assert found is not None
    assert found.total("sent_bytes_per_order") is None
    assert found.total("cpu_s_per_order") == pytest.approx(0.1)


def test_an_order_is_charged_with_what_it_adds_to_rest() -> None:
    app, database = demand().components
    assert app.demand_s == pytest.approx(0.005)
    assert database.cpu_s_per_order == pytest.approx(0.04)
    assert database.demand_s == pytest.approx((4.0 - 2.0) / 100)
    assert database.rest_cpu_share == pytest.approx(0.1)
    assert database.fsyncs_per_order == pytest.approx(1.5)
    assert demand().orders_per_s == pytest.approx(5.0)


def test_the_bound_is_the_fullest_component() -> None:
    apart = bound_apart(demand(), cores=2)
    assert apart is not None
    assert apart.component == "db"
    assert apart.orders_per_s == pytest.approx((2 - 0.1) / 0.02)
    assert bound_together(demand(), cores=2) == pytest.approx((2 - 0.1) / 0.025)


def test_without_an_order_nothing_is_said() -> None:
    assert demand_of({"a": usage("web", 1.0, 1.0)}, {}, 0) is None


def test_prices_are_applied_as_declared() -> None:
    price = price_of(demand(), PRICES)
    assert price.machines_per_hour == pytest.approx(1.08)
    # 45 ms of CPU at 0.36 an hour, 20 kB sent at 2 a GB, 20 kB written at 4 a GB.
    used = 0.045 * 0.36 / 3600 + 20_000 * 2e-9 + 20_000 * 4e-9
    assert price.used == pytest.approx(used)
    assert price.at_measured_rate == pytest.approx(1.08 / 3600 / 5)
    assert price.by_day[1_000] == pytest.approx(1.08 * 24 / 1_000)


def test_a_rate_beyond_the_bound_has_no_price() -> None:
    slow = Demand(20.0, 100, demand().components)
    heavy = demand_of(
        {"db": usage("database", 100.0, 200.0)}, {"db": usage("database", 1.0, 0.0)}, 1
    )
    assert heavy is not None
    assert price_of(heavy, PRICES).by_day[100_000] is None
    assert price_of(slow, PRICES).by_day[100_000] is not None


def test_figures_survive_their_file() -> None:
    assert demand_from(demand_json(demand())) == demand()


def test_the_shipped_list_is_an_example_and_is_valid() -> None:
    prices = load_prices(None)
    assert prices.hour_of("validator") == prices.machine_hour["validator"]
    assert prices.hour_of("no such role") == prices.machine_hour["default"]
    assert "example" in prices.source.splitlines()[0]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("core_hour", "core_hours"), "core_hour"),
        (('"EUR"', "3"), "currency"),
        (("cores = 2", "cores = 0"), "cores"),
        (("default = 0.04", "other = 0.04"), "default"),
        (("web = 0.04", 'web = "free"'), "web"),
        (("[used]", "[used"), "TOML"),
    ],
)
def test_a_wrong_list_is_refused_by_field(
    change: tuple[str, str], problem: str
) -> None:
    with pytest.raises(BenchError, match=problem):
        parse_prices(SHIPPED.read_text().replace(*change), "prices.toml")
