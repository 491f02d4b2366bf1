"""The report's charts as plotly figures, each with the table it was drawn from.

Colours of text and grid are left to the page, which follows the reader's light or dark
theme; series keep one colour a target through the whole report.
"""

import math
from dataclasses import dataclass, field
from typing import Any

from bench.analysis.run import RunResult, TargetResult
from bench.analysis.series import pooled
from bench.analysis.trial import TrialResult
from bench.report.words import NOT_CARRIED, number

# Distinct for colour-blind readers on white and on near-black (after Okabe and Ito).
PALETTE = ("#2E86C9", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
OUTCOME_COLOURS = {"failed": "#D55E00", "unknown": "#CC79A7"}
LOG_TICKS = tuple(digit * 10**power for power in range(-2, 6) for digit in (1, 2, 5))
NINES = (0.5, 0.9, 0.99, 0.999, 0.9999)


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart: plotly's data and layout, and its figures as a table."""

    key: str
    title: str
    caption: str
    data: list[dict[str, Any]]
    layout: dict[str, Any]
    header: list[str]
    rows: list[list[str]]
    height_px: int = field(default=360)


def colour_of(result: RunResult, name: str) -> str:
    """The target's colour."""
    names = [target.name for target in result.targets]
    return PALETTE[names.index(name) % len(PALETTE)]


def percentile_chart(result: RunResult, operation: str, load: str, title: str) -> Chart:
    """Latency by percentile on a nines axis, as far as each sample carries."""
    data, rows = [], []
    for target in result.measured:
        trials = target.at(load) or [target.shown]
        curve = pooled(trials, operation).curve
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": target.name,
                "x": [-math.log10(1 - quantile) for quantile, _ in curve],
                "y": [round(ms, 3) for _, ms in curve],
                "text": [f"{quantile * 100:g} %" for quantile, _ in curve],
                "hovertemplate": "%{text} in %{y} ms<extra>%{fullData.name}</extra>",
                "line": {"color": colour_of(result, target.name), "width": 2},
            }
        )
        rows += [
            [target.name, f"{quantile * 100:g} %", number(ms)] for quantile, ms in curve
        ]
    ticks = [-math.log10(1 - nine) for nine in NINES]
    layout = {
        "xaxis": {
            "title": {"text": "share of operations"},
            "tickvals": ticks,
            "ticktext": [f"{nine * 100:g} %" for nine in NINES],
        },
        "yaxis": log_axis("latency, ms (log)"),
    }
    return Chart(
        f"percentiles-{operation}-{load}",
        title,
        "From the intended start to the acknowledgement, in the undisturbed baseline; "
        "several trials are merged without loss. A line ends where fewer than ten "
        "samples lie beyond it.",
        data,
        layout,
        ["target", "share", "within, ms"],
        rows,
    )


def cost_chart(result: RunResult) -> Chart:
    """CPU milliseconds an order, by component."""
    first = result.load_names[0]
    trials = {t.name: (t.at(first) or [t.shown])[0] for t in result.measured}
    targets = [t for t in result.measured if trials[t.name].cost is not None]
    roles: dict[str, dict[str, float]] = {}
    rows = []
    for target in targets:
        cost = trials[target.name].cost
        assert cost is not None
        for component in cost.components:
            by_target = roles.setdefault(component.role, {})
            value = component.cpu_ms_per_order or 0.0
            by_target[target.name] = by_target.get(target.name, 0.0) + value
            rows.append(
                [
                    target.name,
                    component.name,
                    component.role,
                    number(component.cpu_s),
                    number(component.cpu_ms_per_order),
                    number(component.written_bytes_per_order),
                    number(component.rss_bytes / 1e6),
                ]
            )
    layout = {
        "barmode": "stack",
        "xaxis": {"title": {"text": "CPU ms for one order, all components"}},
        "yaxis": {"autorange": "reversed", "automargin": True},
    }
    return Chart(
        "cost",
        "CPU an order takes",
        "CPU seconds of every component in the baseline of the first trial at the "
        f"{first} load, by its operating system, "
        "divided by the orders that became final in it. Browsing is included: it is "
        "part of selling. Components of one role are added up.",
        _cost_bars(roles),
        layout,
        [
            "target",
            "component",
            "role",
            "CPU s",
            "CPU ms/order",
            "bytes written/order",
            "memory, MB",
        ],
        rows,
        height_px=110 + 56 * max(1, len(targets)),
    )


def _cost_bars(roles: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    """One bar a target, put together from its roles."""
    return [
        {
            "type": "bar",
            "orientation": "h",
            "name": role,
            "y": list(by_target),
            "x": [round(value, 3) for value in by_target.values()],
            "marker": {"color": PALETTE[index % len(PALETTE)]},
            "hovertemplate": "%{x} ms CPU an order<extra>%{fullData.name}</extra>",
        }
        for index, (role, by_target) in enumerate(roles.items())
    ]


def timeline_chart(
    result: RunResult, target: TargetResult, trial: TrialResult
) -> Chart:
    """Order latency and finished orders through the whole load, with the fault."""
    data = [
        *_order_points(result, target, trial),
        _goodput(result, target, trial),
        *_block_ticks(trial),
    ]
    layout = {
        "xaxis": {
            "title": {"text": "seconds since the start of the load"},
            "anchor": "y2",
            "range": [0, trial.load_s],
        },
        "yaxis": {**log_axis("order latency, ms (log)"), "domain": [0.42, 1.0]},
        "yaxis2": {
            "title": {"text": "orders/s"},
            "domain": [0.0, 0.32],
            "rangemode": "tozero",
        },
        "shapes": _bands(result, trial),
        "annotations": _notes(result, trial),
    }
    at_load = f", {trial.load_name} load" if result.has_intervals else ""
    rows = [
        [str(second), str(count), *_second(trial, second)]
        for second, count in trial.goodput_per_second
    ]
    return Chart(
        f"timeline-{target.name}-{trial.number}",
        f"{target.name}: through the fault{at_load}",
        "Each point is one order at the moment it should have begun; below, orders "
        "that became final in each second. Shaded: the component was down.",
        data,
        layout,
        [
            "second",
            "orders final",
            "orders begun",
            "of these not served",
            "slowest, ms",
        ],
        rows,
        height_px=430,
    )


def log_axis(title: str) -> dict[str, Any]:
    """A logarithmic axis with its ticks written in full."""
    return {
        "title": {"text": title},
        "type": "log",
        "tickvals": LOG_TICKS,
        "ticktext": [f"{tick:,g}" for tick in LOG_TICKS],
    }


def _order_points(
    result: RunResult, target: TargetResult, trial: TrialResult
) -> list[dict[str, Any]]:
    colours = {"ok": colour_of(result, target.name), **OUTCOME_COLOURS}
    traces = []
    for outcome, colour in colours.items():
        points = [point for point in trial.order_points if point[2] == outcome]
        if points:
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": {"ok": "acknowledged"}.get(outcome, outcome),
                    "x": [round(at_s, 3) for at_s, _, _ in points],
                    "y": [round(ms, 3) for _, ms, _ in points],
                    "marker": {
                        "color": colour,
                        "size": 5 if outcome == "ok" else 9,
                        "symbol": "circle" if outcome == "ok" else "x",
                        "opacity": 0.7,
                    },
                }
            )
    return traces


def _goodput(
    result: RunResult, target: TargetResult, trial: TrialResult
) -> dict[str, Any]:
    return {
        "type": "bar",
        "name": "orders final per second",
        "yaxis": "y2",
        "x": [second + 0.5 for second, _ in trial.goodput_per_second],
        "y": [count for _, count in trial.goodput_per_second],
        "marker": {"color": colour_of(result, target.name), "opacity": 0.55},
        "showlegend": False,
    }


def _block_ticks(trial: TrialResult) -> list[dict[str, Any]]:
    """A tick for every final block: a silence of the chain shows as a gap."""
    if trial.blocks is None:
        return []
    moments = trial.blocks.final_s
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": "final blocks",
            "yaxis": "y2",
            "x": [round(at_s, 3) for at_s in moments],
            "y": [0] * len(moments),
            "marker": {"symbol": "line-ns-open", "size": 9, "color": "#888888"},
            "hovertemplate": "block final at %{x} s<extra></extra>",
        }
    ]


def _bands(result: RunResult, trial: TrialResult) -> list[dict[str, Any]]:
    """Warm-up in grey; from each injection until the component ran again in red."""
    phases = result.scenario.phases
    spans = [(0.0, phases.warmup_s, "#888888", 0.12)]
    spans += [
        (course.asked_s, course.running_s or trial.load_s, "#D55E00", 0.18)
        for course in trial.faults
        if course.asked_s is not None
    ]
    return [
        {
            "type": "rect",
            "xref": "x",
            "yref": "paper",
            "x0": start,
            "x1": end,
            "y0": 0,
            "y1": 1,
            "fillcolor": colour,
            "opacity": opacity,
            "line": {"width": 0},
            "layer": "below",
        }
        for start, end, colour, opacity in spans
    ]


def _notes(result: RunResult, trial: TrialResult) -> list[dict[str, Any]]:
    notes = [(result.scenario.phases.warmup_s / 2, "warm-up")]
    notes += [
        (course.asked_s, f"{course.kind} {course.component}")
        for course in trial.faults
        if course.asked_s is not None
    ]
    return [
        {
            "x": at_s,
            "xref": "x",
            "y": 1.0,
            "yref": "paper",
            "yanchor": "bottom",
            "text": text,
            "showarrow": False,
            "font": {"size": 11},
            "xanchor": "left" if index else "center",
        }
        for index, (at_s, text) in enumerate(notes)
    ]


def _second(trial: TrialResult, second: int) -> list[str]:
    points = [p for p in trial.order_points if second <= p[0] < second + 1]
    slowest = max((ms for _, ms, _ in points), default=None)
    return [
        str(len(points)),
        str(sum(outcome != "ok" for _, _, outcome in points)),
        NOT_CARRIED if slowest is None else number(slowest),
    ]
