"""Charts of many trials: the knee, and medians with their intervals by load."""

from typing import Any

from bench.analysis.run import RunResult, TargetResult
from bench.analysis.series import BY_NAME, interval_of, values_of
from bench.report.charts import Chart, colour_of, log_axis
from bench.report.words import NOT_CARRIED, milliseconds, number


def knee_chart(result: RunResult) -> Chart | None:
    """Throughput against latency through the search; None without a search."""
    searched = [target for target in result.targets if target.probes]
    if not searched:
        return None
    name = f"p{result.scenario.objective.order_quantile * 100:g}"
    rows = [
        [
            target.name,
            number(probe.sessions_per_s),
            number(probe.goodput_orders_per_s),
            milliseconds(probe.order_p50_ms),
            milliseconds(probe.order_quantile_ms),
            "yes" if probe.sustained else "no",
        ]
        for target in searched
        for probe in target.probes
    ]
    data = [trace for target in searched for trace in _knee_traces(result, target)]
    limit = result.scenario.objective.order_latency_ms
    return Chart(
        "knee",
        "Throughput against latency",
        f"Each point is one rate held on one target: finished orders a second, and the "
        f"{name} of their latency. Filled: sustained. Open: refused. Dotted: the "
        f"objective of {milliseconds(limit)}.",
        data,
        {
            "xaxis": {"title": {"text": "orders finished per second, on this box"}},
            "yaxis": log_axis(f"order latency {name}, ms (log)"),
            "shapes": [
                {
                    "type": "line",
                    "xref": "paper",
                    "x0": 0,
                    "x1": 1,
                    "y0": limit,
                    "y1": limit,
                    "line": {"dash": "dot", "width": 1, "color": "#888888"},
                }
            ],
        },
        ["target", "sessions/s", "orders/s", "order p50", f"order {name}", "sustained"],
        rows,
    )


def _knee_traces(result: RunResult, target: TargetResult) -> list[dict[str, Any]]:
    """One line a target, filled where sustained. A probe that carries no percentile
    has no place on the chart; it is in the table."""
    told = sorted(
        (p for p in target.probes if p.order_quantile_ms is not None),
        key=lambda probe: probe.sessions_per_s,
    )
    colour = colour_of(result, target.name)
    return [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": target.name,
            "x": [round(p.goodput_orders_per_s, 2) for p in told],
            "y": [round(p.order_quantile_ms or 0.0, 3) for p in told],
            "text": [f"{p.sessions_per_s:g} sessions/s" for p in told],
            "hovertemplate": "%{text}: %{x} orders/s, %{y} ms"
            "<extra>%{fullData.name}</extra>",
            "line": {"color": colour, "width": 2},
            "marker": {
                "size": 9,
                "color": colour,
                "symbol": ["circle" if p.sustained else "circle-open" for p in told],
            },
        }
    ]


def interval_chart(result: RunResult, metric_name: str, title: str) -> Chart:
    """Medians of trials with their intervals, by load."""
    metric = BY_NAME[metric_name]
    data, rows = [], []
    for target in result.measured:
        x, y, above, below = [], [], [], []
        for load in result.load_names:
            found = interval_of(target.at(load), metric)
            values = values_of(target.at(load), metric)
            if found is not None:
                x.append(load)
                y.append(round(found.median, 3))
                above.append(round(found.high - found.median, 3))
                below.append(round(found.median - found.low, 3))
            inside = NOT_CARRIED
            if found is not None:
                inside = f"[{number(found.low)}, {number(found.high)}]"
            rows += [
                [target.name, load, str(n), number(value), inside]
                for n, value in enumerate(values, 1)
            ]
        colour = colour_of(result, target.name)
        data.append(
            {
                "type": "bar",
                "name": target.name,
                "x": x,
                "y": y,
                "marker": {"color": colour, "opacity": 0.75},
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": above,
                    "arrayminus": below,
                    "thickness": 1.5,
                },
                "hovertemplate": f"%{{y}} {metric.unit}<extra>%{{fullData.name}}"
                "</extra>",
            }
        )
    return Chart(
        f"intervals-{metric_name}",
        title,
        "The median of the trials; whiskers are its rank interval. Loads that are a "
        "share of the knee are a share of each target's own.",
        data,
        {
            "barmode": "group",
            "xaxis": {"title": {"text": "load"}, "type": "category"},
            "yaxis": {
                "title": {"text": f"{metric.words}, {metric.unit}"},
                "rangemode": "tozero",
            },
        },
        ["target", "load", "trial", metric.unit, "interval of the median"],
        rows,
    )
