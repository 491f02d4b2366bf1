"""Costs for people: text on a terminal, a section of a run's report, plain data."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.cost.demand import (
    Demand,
    bound_apart,
    bound_together,
    price_of,
)
from bench.cost.prices import Prices, parse_prices
from bench.cost.run import COST_FILE, CostResult, read
from bench.report.markup import Cell, bullets, details, paragraph, table, text
from bench.report.words import listed, number

HEADER = (
    "component",
    "CPU ms/order",
    "of it added",
    "at rest, of a core",
    "bytes sent/order",
    "fsyncs/order",
    "disk bytes/order",
)
MEANING = (
    "Counted under a steady load and charged to the orders in it, browsing included. "
    "CPU and disk are told by the supervisor, bytes sent (with headers) and fsyncs are "
    "counted by the kernel. Added is what an order takes beyond what the component "
    "uses at rest; n/a was not measured."
)
PROJECTION = (
    "Bounds are projections: upper bounds from service demands (cores less what rest "
    "takes, divided by the CPU seconds that an order adds), reached by no real system."
)


def lines(result: CostResult, prices: Prices) -> list[str]:
    """A table of plain text and the sentences below it."""
    if result.demand is None:
        why = result.missing or "no order became final while it was measured"
        return [result.target, f"  not measured: {why}"]
    rows = [list(HEADER), *([word for word, _ in row] for row in _rows(result.demand))]
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEADER))]
    made = [
        "  " + "  ".join(word.ljust(w) for word, w in zip(row, widths, strict=True))
        for row in rows
    ]
    said = [f"  {sentence}" for sentence in sentences(result, prices)]
    return [result.target, *(line.rstrip() for line in made), *said]


def section(run_folder: Path) -> str:
    """The section of a run's report; empty where no costs were measured for it."""
    path = run_folder / COST_FILE
    if not path.is_file():
        return ""
    results, price_list = read(path)
    prices = parse_prices(price_list, "the run's price list")
    parts = ["<h3>By component, and by a price list</h3>", paragraph(MEANING, "soft")]
    for result in results:
        parts.append(f"<h4>{text(result.target)}</h4>")
        if result.demand is None:
            parts.append(paragraph(f"Not measured: {result.missing or 'no order'}"))
            continue
        rows: list[list[Cell | str]] = [
            [row[0][0], *(Cell(word, value) for word, value in row[1:])]
            for row in _rows(result.demand)
        ]
        parts += [table(HEADER, rows), bullets(sentences(result, prices))]
    listing = details("The price list (an example unless you gave one)", "")
    listing = listing.replace("</details>", f"<pre>{text(price_list)}</pre></details>")
    return "".join([*parts, paragraph(PROJECTION, "soft"), listing])


def sentences(result: CostResult, prices: Prices) -> list[str]:
    """Bounds and prices in words, each with what it leaves out."""
    demand = result.demand
    assert demand is not None
    price, apart = price_of(demand, prices), bound_apart(demand, prices.cores)
    together = bound_together(demand, prices.cores)
    money = prices.currency
    said = [
        f"Measured: {demand.orders} orders in {number(demand.seconds)} s "
        f"({number(demand.orders_per_s)} a second); "
        + listed([f"{count} {name}" for name, count in result.mix.items()])
        + f"; {result.unserved} not served."
    ]
    if apart is not None and together is not None:
        said.append(
            f"Projection: at most {number(together)} orders/s on one box of "
            f"{prices.cores} cores, and at most {number(apart.orders_per_s)} with a "
            f"machine of {prices.cores} cores for each component ({apart.component} "
            "is the first to be full)."
        )
    without = f" (without {listed(list(price.without))})" if price.without else ""
    said.append(
        f"By use: {number(price.used * 1000)} {money} for 1,000 orders{without}. "
        f"Machines: {number(price.machines_per_hour)} {money} an hour, so "
        f"{number(price.at_measured_rate * 1000)} {money} for 1,000 orders at the "
        "measured rate."
    )
    said += [_by_day(orders, each, money) for orders, each in price.by_day.items()]
    said += [
        f"Not measured: {what} ({why})." for what, why in result.not_measured.items()
    ]
    return said


def _by_day(orders: int, each: float | None, money: str) -> str:
    if each is None:
        return (
            f"At {orders:,} orders a day one machine for each component is too small "
            "by the bound."
        )
    return (
        f"At {orders:,} orders a day (projection): {number(each * 1000)} {money} of "
        "machine hours for 1,000 orders."
    )


def as_json(result: CostResult, prices: Prices) -> dict[str, Any]:
    """What is derived from a result and a price list, as plain data."""
    if result.demand is None:
        return {"target": result.target, "missing": result.missing}
    apart = bound_apart(result.demand, prices.cores)
    price = price_of(result.demand, prices)
    return {
        "target": result.target,
        "orders_per_s": result.demand.orders_per_s,
        "components": [asdict(component) for component in result.demand.components],
        "not_measured": result.not_measured,
        "projection": {
            "cores": prices.cores,
            "orders_per_s_max_apart": None if apart is None else apart.orders_per_s,
            "full_first": None if apart is None else apart.component,
            "orders_per_s_max_together": bound_together(result.demand, prices.cores),
        },
        "price": {"currency": prices.currency, **asdict(price)},
    }


def _rows(demand: Demand) -> list[list[tuple[str, float]]]:
    """(text, number to sort by) of every cell; a total at the end."""
    rows = []
    for c in demand.components:
        figures = [
            c.cpu_s_per_order * 1000,
            c.demand_s * 1000,
            c.rest_cpu_share,
            c.sent_bytes_per_order,
            c.fsyncs_per_order,
            c.written_bytes_per_order,
        ]
        rows.append([(c.name, 0.0), *map(_cell, figures)])
    cpu, added = demand.total("cpu_s_per_order"), demand.total("demand_s")
    totals = [
        None if cpu is None else cpu * 1000,
        None if added is None else added * 1000,
        demand.total("rest_cpu_share"),
        demand.total("sent_bytes_per_order"),
        demand.total("fsyncs_per_order"),
        demand.total("written_bytes_per_order"),
    ]
    return [*rows, [("all", 0.0), *map(_cell, totals)]]


def _cell(value: float | None) -> tuple[str, float]:
    return number(value), -1.0 if value is None else float(value)
