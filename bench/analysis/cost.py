"""What an order costs the target's machines, by component, in the undisturbed baseline.

Counted by the operating system and told by the supervisor. The whole mix is charged to
the orders in it: browsing is part of what it takes to sell. Nothing is priced here.
"""

from dataclasses import dataclass
from typing import Any

from bench.analysis.read import RawTrial


@dataclass(frozen=True, slots=True)
class ComponentCost:
    """One component's use between two samples, and per order."""

    name: str
    role: str
    cpu_s: float
    written_bytes: int
    rss_bytes: int
    cpu_ms_per_order: float | None
    written_bytes_per_order: float | None


@dataclass(frozen=True, slots=True)
class Cost:
    """All components between the baseline's edges; `seconds` apart."""

    seconds: float
    orders: int
    components: tuple[ComponentCost, ...]

    @property
    def cpu_s(self) -> float:
        """CPU seconds of all components."""
        return sum(component.cpu_s for component in self.components)

    @property
    def cpu_ms_per_order(self) -> float | None:
        """CPU milliseconds of all components for one order; None without orders."""
        return self.cpu_s * 1000 / self.orders if self.orders else None

    @property
    def written_bytes_per_order(self) -> float | None:
        """Bytes that all components wrote for one order; None without orders."""
        if not self.orders:
            return None
        return sum(c.written_bytes for c in self.components) / self.orders


def baseline_cost(raw: RawTrial) -> Cost | None:
    """Cost over the baseline; None if its edges were not sampled. Orders are those
    that became final between the two samples."""
    edges = baseline_edges(raw)
    if edges is None:
        return None
    first, last = edges
    before = {c["name"]: c for c in first["components"]}
    orders = sum(
        record.operation == "place_order"
        and record.outcome == "ok"
        and first["at_ns"] <= record.final_ns < last["at_ns"]
        for record in raw.records
    )
    components = []
    for after in last["components"]:
        start = before.get(after["name"], {})
        cpu_s = after["cpu_seconds"] - start.get("cpu_seconds", 0.0)
        written = after["write_bytes"] - start.get("write_bytes", 0)
        components.append(
            ComponentCost(
                after["name"],
                after["role"],
                cpu_s,
                written,
                after["rss_bytes"],
                cpu_s * 1000 / orders if orders else None,
                written / orders if orders else None,
            )
        )
    return Cost((last["at_ns"] - first["at_ns"]) / 1e9, orders, tuple(components))


def baseline_edges(raw: RawTrial) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The two samples at the baseline's edges, if both hold components."""
    by_label = {line["label"]: line for line in raw.components if line["components"]}
    first, last = by_label.get("baseline_start"), by_label.get("baseline_end")
    return None if first is None or last is None else (first, last)
