"""The page itself: sections in the order a reader needs them, and the charts' data.

The order is fixed: what this run is and whether it is valid; whether a chain is needed
at all; what was found; what may not be claimed; then the evidence. No request leaves
the page: plotly.js, styles and data are inside it.
"""

import json
import time
from html import escape
from importlib.resources import files
from pathlib import Path

from plotly.offline import get_plotlyjs

from bench.analysis.run import RunResult
from bench.cost.table import section as cost_section
from bench.report import tables
from bench.report.charts import Chart, cost_chart, percentile_chart, timeline_chart
from bench.report.guide import guide_table
from bench.report.limits import limits_of
from bench.report.markup import badge, bullets, details, paragraph, table, text
from bench.report.sentences import (
    against_each,
    calibration_sentence,
    comparisons,
    scheduling_sentence,
    size_caveat,
    target_line,
    verdict,
)
from bench.report.series import tables as tables_of_series
from bench.report.series.charts import interval_chart, knee_chart
from bench.report.series.sentences import knee_sentences
from bench.report.words import FIGURE_NAMES, number
from bench.spof.table import section as spof_section

TITLE = "The same candle shop, central and on a chain"
QUESTION = (
    "Do the parties distrust each other? If one operator can be trusted to keep the "
    "books, you do not need a chain: take a replicated database. If no single party "
    "may be able to change, forge or drop an order, that is what a chain of "
    "independent validators adds, and the rest of this page is what it costs."
)


def write_page(result: RunResult, path: Path) -> Path:
    """Write the report and return its path."""
    charts = _charts(result)
    sections = [
        _head(result),
        _need(result),
        _found(result),
        _claims(result),
        _faults(result, charts),
        spof_section(result.folder),
        _series(result, charts),
        _latency(result, charts),
        _cost(result, charts),
        _orders(result),
        _guide(result),
        _method(result),
    ]
    path.write_text(_document("\n".join(sections), charts), encoding="utf-8")
    return path


def _charts(result: RunResult) -> dict[str, Chart]:
    if not result.measured:
        return {}
    charts = [
        *_series_charts(result),
        *_percentile_charts(result),
        cost_chart(result),
        *[
            timeline_chart(result, target, trial)
            for target in result.measured
            for trial in target.with_faults or [target.shown]
        ],
    ]
    return {chart.key: chart for chart in charts}


def _series_charts(result: RunResult) -> list[Chart]:
    """The knee, where it was searched, and intervals, where trials carry them."""
    knee = knee_chart(result)
    charts = [] if knee is None else [knee]
    if result.has_intervals:
        charts += [
            interval_chart(
                result, "order_latency_ms_p50", "The median wait for an order, by load"
            ),
            interval_chart(result, "cpu_ms_per_order", "CPU for an order, by load"),
        ]
    return charts


def _percentile_charts(result: RunResult) -> list[Chart]:
    loads = result.load_names
    several = len(loads) > 1
    charts = [
        percentile_chart(
            result,
            "place_order",
            load,
            "How long an order takes" + (f", {load} load" if several else ""),
        )
        for load in loads
    ]
    if all("browse" in target.shown.operations for target in result.measured):
        looking = "How long looking at the catalogue takes"
        looking += f", {loads[0]} load" if several else ""
        charts.append(percentile_chart(result, "browse", loads[0], looking))
    return charts


def _head(result: RunResult) -> str:
    when = time.strftime(
        "%Y-%m-%d %H:%M UTC", time.gmtime(result.manifest["started_at"])
    )
    machine = result.manifest["machine"]
    valid = badge("measurement valid", "good")
    if not result.is_valid:
        valid = badge("measurement INVALID or incomplete", "bad")
    elif not result.is_complete:
        valid = badge("fewer valid trials than asked for", "note")
    checks = badge("all checks pass", "good")
    if not result.passes:
        checks = badge("a check FAILED", "bad")
    return (
        f"<h1>{text(TITLE)}</h1>"
        f'<div class="badges">{badge(result.scenario.size + " size", "note")}{valid}'
        f"{checks}{badge(when)}{badge(str(machine['cores']) + ' cores')}"
        f"{badge('seed ' + str(result.manifest['seed']))}</div>"
        + paragraph(verdict(result), "lead")
        + f'<div class="box note">{paragraph(size_caveat(result))}</div>'
    )


def _need(result: RunResult) -> str:
    return (
        "<h2>Do you need a chain?</h2>"
        + paragraph(QUESTION, "lead")
        + bullets(against_each(result))
        + tables.trust_table(result)
    )


def _found(result: RunResult) -> str:
    compared = comparisons(result)
    return (
        "<h2>What was found</h2>"
        + paragraph(result.scenario.summary)
        + (
            tables_of_series.glance_table(result)
            if result.has_intervals
            else tables.at_a_glance(result)
        )
        + bullets([target_line(result, target) for target in result.targets])
        + (
            "<h3>One beside the other, in this run</h3>" + bullets(compared)
            if compared
            else ""
        )
        + paragraph(
            "Declared before the run as the figures that matter: "
            + ", ".join(FIGURE_NAMES[name] for name in result.scenario.primary)
            + ".",
            "soft",
        )
    )


def _claims(result: RunResult) -> str:
    return "<h2>What this run may not claim</h2>" + bullets(limits_of(result))


def _faults(result: RunResult, charts: dict[str, Chart]) -> str:
    drawn = [_figure(c) for key, c in charts.items() if key.startswith("timeline-")]
    return (
        "<h2>When a part dies</h2>"
        + tables.fault_table(result)
        + paragraph(
            "Available again: from the injection to the first of five windows in a row "
            "with at least 99 % of the requests answered; fast again: the same with a "
            "p99 within twice the baseline's. A request is one attempt: clients retry "
            "by the order's key until patience runs out.",
            "soft",
        )
        + tables.availability_table(result)
        + "".join(drawn)
        + tables.block_table(result)
    )


def _series(result: RunResult, charts: dict[str, Chart]) -> str:
    """How much each target carries, and medians of trials; nothing of one trial."""
    page = ""
    if "knee" in charts:
        page += (
            "<h2>How much each carries</h2>"
            + bullets(knee_sentences(result))
            + _figure(charts["knee"])
            + details("Every probe of the search", tables_of_series.knee_table(result))
            + paragraph(
                "Sustained: at least 99.9 % of the offered orders acknowledged, the "
                "objective's percentile within it, and no growing number of "
                "operations under way. Each search was made once.",
                "soft",
            )
        )
    if result.has_intervals:
        drawn = [_figure(c) for key, c in charts.items() if key.startswith("intervals")]
        page += (
            "<h2>Medians of trials</h2>"
            + "".join(drawn)
            + details(
                "Every figure with its interval", tables_of_series.medians_table(result)
            )
            + details(
                "Every ratio of two targets", tables_of_series.ratios_table(result)
            )
        )
    return page


def _latency(result: RunResult, charts: dict[str, Chart]) -> str:
    drawn = [_figure(c) for key, c in charts.items() if key.startswith("percentiles-")]
    return (
        "<h2>How long a shopper waits</h2>"
        + tables.latency_table(result)
        + paragraph(
            "Latency counts from the moment the operation should have begun until it "
            "was acknowledged (an order on a chain: in a final block). n/a: the sample "
            "is too small to carry the percentile. Service counts from the first "
            "request; accepted is when a node first said that it had an order, final "
            "or not. A visit is all its waits added up, without the time to think.",
            "soft",
        )
        + "".join(drawn)
    )


def _cost(result: RunResult, charts: dict[str, Chart]) -> str:
    drawn = _figure(charts["cost"]) if "cost" in charts else ""
    return "<h2>What an order costs</h2>" + drawn + cost_section(result.folder)


def _orders(result: RunResult) -> str:
    return (
        "<h2>Are all orders there?</h2>"
        + tables.order_table(result)
        + paragraph(
            "Lost: acknowledged and not there. Recovered: the shopper never got an "
            "answer, and the order is there. Unknown: no answer, and it is not there.",
            "soft",
        )
        + tables.check_table(result)
    )


def _guide(result: RunResult) -> str:
    return "<h2>Which one, then?</h2>" + guide_table(result)


def _method(result: RunResult) -> str:
    manifest = result.manifest
    machine = {k: v for k, v in manifest["machine"].items() if k != "fsync_ms"}
    fsync = manifest["machine"]["fsync_ms"]
    rows = [[name.replace("_", " "), str(value)] for name, value in machine.items()]
    rows.append(
        [
            "fsync of 4 KiB",
            f"median {number(fsync['median'])} ms, "
            f"worst of 40 {number(fsync['worst'])} ms",
        ]
    )
    rows += [[f"package {name}", v] for name, v in manifest["packages"].items()]
    for target in result.targets:
        if target.descriptor is not None:
            rows += [
                [f"{target.name}: {name}", version]
                for name, version in target.descriptor.software.items()
            ]
    return (
        "<h2>How this was measured</h2>"
        + tables_of_series.fates_table(result)
        + details("Every gate of every trial", tables.gate_table(result))
        + paragraph(scheduling_sentence(result), "soft")
        + paragraph(calibration_sentence(result), "soft")
        + details("Machine and versions", table(["what", "value"], rows, False))
        + details(
            "Before the load (not part of any latency)",
            tables.provisioning_table(result),
        )
        + details(
            "The scenario, as it was read",
            f"<pre>{escape(result.scenario.source)}</pre>",
        )
        + f'<p class="soft">Run <code>{escape(manifest["run"])}</code>. Raw samples '
        "lie beside this file in <code>targets/NAME/trial-1/</code>: every operation "
        "in <code>history.jsonl</code>, what was read back in <code>audit.json</code>. "
        "<code>chandlery bench report FOLDER</code> computes this page from them "
        "again.</p>"
    )


def _figure(chart: Chart) -> str:
    rows: list[list[str]] = chart.rows
    return (
        f"<figure><h3>{escape(chart.title)}</h3>"
        f'<div class="chart" id="{escape(chart.key)}" '
        f'style="height:{chart.height_px}px"></div>'
        f"<figcaption>{escape(chart.caption)}</figcaption>"
        + details("The figures of this chart", table(chart.header, rows))
        + "</figure>"
    )


def _document(body: str, charts: dict[str, Chart]) -> str:
    here = files("bench.report")
    style = (here / "page.css").read_text(encoding="utf-8")
    script = (here / "page.js").read_text(encoding="utf-8")
    drawn = {c.key: {"data": c.data, "layout": c.layout} for c in charts.values()}
    # "</" would end the script element early; JSON may write it as "<\/".
    data = json.dumps(drawn).replace("</", "<\\/")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(TITLE)}</title><style>{style}</style></head><body>\n{body}\n"
        f'<script type="application/json" id="charts">{data}</script>'
        f"<script>{get_plotlyjs()}</script><script>{script}</script></body></html>\n"
    )
