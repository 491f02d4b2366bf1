"""From two spans of counters to the cost of an order, and to a bound. Pure.

Two spans are compared: under load, and at rest (everything up, nobody shopping). A
chain makes blocks and a cluster keeps its lease whether anybody buys or not: that is
the cost at rest, paid by the hour. The demand D of a component is what an order adds:

    D = (CPU seconds under load - CPU seconds at rest in as long a time) / orders

The whole mix is charged to the orders in it: looking is part of what it takes to sell.

The bound: if every component had a machine with `cores` cores to itself, no more orders
a second could be served than min over components of (cores - r) / D, where r is the
component's CPU seconds a second at rest. On one box they share its cores: then the sums
count. It is an upper bound (no queueing, no contention, no disk, no network) and a
projection, nothing that was measured.

Source: Denning and Buzen, "The Operational Analysis of Queueing Network Models", 1978
(service demand law, bottleneck bound).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bench.cost.prices import Prices

GIGABYTE = 1e9
HOUR_S = 3600.0
DAY_S = 86_400.0
DAILY_ORDERS = (1_000, 100_000)


@dataclass(frozen=True, slots=True)
class Counters:
    """One component's totals at a moment. None: not measured here."""

    role: str
    cpu_s: float
    written_bytes: int
    sent_bytes: int | None
    fsyncs: int | None


@dataclass(frozen=True, slots=True)
class Usage:
    """What one component used in a span."""

    role: str
    seconds: float
    cpu_s: float
    written_bytes: float
    sent_bytes: float | None
    fsyncs: float | None

    @classmethod
    def between(cls, before: Counters, after: Counters, seconds: float) -> "Usage":
        """The difference of two samples."""
        return cls(
            after.role,
            seconds,
            after.cpu_s - before.cpu_s,
            after.written_bytes - before.written_bytes,
            _minus(after.sent_bytes, before.sent_bytes),
            _minus(after.fsyncs, before.fsyncs),
        )

    def scaled(self, seconds: float) -> "Usage":
        """The same use for another length of time."""
        factor = seconds / self.seconds
        return Usage(
            self.role,
            seconds,
            self.cpu_s * factor,
            self.written_bytes * factor,
            None if self.sent_bytes is None else self.sent_bytes * factor,
            None if self.fsyncs is None else self.fsyncs * factor,
        )


@dataclass(frozen=True, slots=True)
class ComponentDemand:
    """One component: what an order takes in all at this load, what it adds to rest
    (`demand_s`), and what rest takes by itself (CPU seconds a second)."""

    name: str
    role: str
    cpu_s_per_order: float
    written_bytes_per_order: float
    sent_bytes_per_order: float | None
    fsyncs_per_order: float | None
    demand_s: float
    rest_cpu_share: float


@dataclass(frozen=True, slots=True)
class Demand:
    """All components of a target, from `orders` orders in `seconds`."""

    seconds: float
    orders: int
    components: tuple[ComponentDemand, ...]

    @property
    def orders_per_s(self) -> float:
        """Finalized orders a second while measured."""
        return self.orders / self.seconds

    def total(self, figure: str) -> float | None:
        """The sum of a figure over components; None where one was not measured."""
        values = [getattr(component, figure) for component in self.components]
        return None if any(value is None for value in values) else sum(values)


def demand_of(
    loaded: Mapping[str, Usage], rest: Mapping[str, Usage], orders: int
) -> Demand | None:
    """Costs by component; None if no order became final."""
    if not orders or not loaded:
        return None
    found = []
    for name, usage in loaded.items():
        idle = rest[name].scaled(usage.seconds)
        found.append(
            ComponentDemand(
                name,
                usage.role,
                usage.cpu_s / orders,
                usage.written_bytes / orders,
                None if usage.sent_bytes is None else usage.sent_bytes / orders,
                None if usage.fsyncs is None else usage.fsyncs / orders,
                # Noise of a component that does nothing for orders is no demand.
                max(0.0, usage.cpu_s - idle.cpu_s) / orders,
                idle.cpu_s / usage.seconds,
            )
        )
    seconds = next(iter(loaded.values())).seconds
    return Demand(seconds, orders, tuple(found))


@dataclass(frozen=True, slots=True)
class Bound:
    """The most orders a second, and the component that sets it. A projection."""

    orders_per_s: float
    component: str


def bound_apart(demand: Demand, cores: int) -> Bound | None:
    """Every component on a machine of its own."""
    bounds = [
        Bound(max(0.0, cores - c.rest_cpu_share) / c.demand_s, c.name)
        for c in demand.components
        if c.demand_s > 0
    ]
    return min(bounds, key=lambda bound: bound.orders_per_s, default=None)


def bound_together(demand: Demand, cores: int) -> float | None:
    """All components on one box with so many cores, the load generator elsewhere."""
    taken = sum(c.demand_s for c in demand.components)
    rest = sum(c.rest_cpu_share for c in demand.components)
    return max(0.0, cores - rest) / taken if taken > 0 else None


@dataclass(frozen=True, slots=True)
class Price:
    """Prices of an order in the list's currency. `used` is by use (without what was
    not measured, which `without` names); `by_day` is machines paid by the hour, at so
    many orders a day; None where one machine each would not carry them."""

    machines_per_hour: float
    used: float
    without: tuple[str, ...]
    at_measured_rate: float
    by_day: dict[int, float | None]


def price_of(demand: Demand, prices: Prices) -> Price:
    """Apply a price list."""
    per_hour = sum(prices.hour_of(c.role) for c in demand.components)
    cpu_s, written, sent = (
        demand.total(figure)
        for figure in (
            "cpu_s_per_order",
            "written_bytes_per_order",
            "sent_bytes_per_order",
        )
    )
    used = (cpu_s or 0.0) / HOUR_S * prices.core_hour
    used += (written or 0.0) / GIGABYTE * prices.gigabyte_written
    used += (sent or 0.0) / GIGABYTE * prices.gigabyte_sent
    bound = bound_apart(demand, prices.cores)
    by_day: dict[int, float | None] = {}
    for orders in DAILY_ORDERS:
        carried = bound is None or orders / DAY_S <= bound.orders_per_s
        by_day[orders] = per_hour * 24 / orders if carried else None
    return Price(
        per_hour,
        used,
        () if sent is not None else ("bytes sent",),
        per_hour / HOUR_S / demand.orders_per_s,
        by_day,
    )


def demand_json(demand: Demand) -> dict[str, Any]:
    """Plain data, and back by `demand_from`."""
    return asdict(demand)


def demand_from(data: Mapping[str, Any]) -> Demand:
    """What `demand_json` wrote."""
    components = tuple(ComponentDemand(**item) for item in data["components"])
    return Demand(data["seconds"], data["orders"], components)


def _minus(after: int | None, before: int | None) -> float | None:
    return None if after is None or before is None else float(after - before)
