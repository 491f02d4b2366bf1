"""A run as a page of documentation: Markdown that says of what machine it speaks.

The page is computed, as the report is; beside it lie the run's figures, scenario and
manifest, so that whoever doubts it can do it again (`chandlery bench reproduce`). Raw
samples stay in the run's folder: they are too many for a repository.
"""

import shutil
import time
from pathlib import Path
from statistics import median

from bench.analysis.run import RunResult
from bench.analysis.series import METRICS, interval_of, values_of
from bench.report.figures import figures_of
from bench.report.limits import limits_of
from bench.report.sentences import (
    against_each,
    calibration_sentence,
    comparisons,
    fault_sentence,
    size_caveat,
    verdict,
)
from bench.report.series.sentences import interval_words, knee_sentences, pairs
from bench.report.words import number
from bench.store.folder import MANIFEST, write_json


def publish(result: RunResult, folder: Path) -> Path:
    """Write the page and what belongs to it; returns the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (MANIFEST, "scenario.toml"):
        shutil.copyfile(result.folder / name, folder / name)
    write_json(folder / "figures.json", figures_of(result))
    page = folder / "README.md"
    page.write_text(page_of(result), encoding="utf-8")
    return page


def page_of(result: RunResult) -> str:
    """The page as Markdown."""
    parts = [
        f"# A {result.scenario.size} run of the comparison",
        _conditions(result),
        verdict(result),
        size_caveat(result),
        "## What speaks against each",
        _bullets(against_each(result)),
        "## One beside the other",
        _bullets(comparisons(result)),
        "## How much each carried",
        _bullets(knee_sentences(result)),
        "## When a part died",
        _bullets(_faults(result)),
        "## Medians of trials",
        _table(
            ["load", "target", "figure", "median", "interval", "trials"],
            _medians(result),
        ),
        "## Ratios",
        _table(
            ["load", "figure", "of", "to", "ratio", "interval", "what may be said"],
            _ratios(result),
        ),
        "## Trials that were rejected",
        _bullets(_rejected(result)),
        "## What this run may not claim",
        _bullets([*limits_of(result), calibration_sentence(result)]),
    ]
    return "\n\n".join(parts) + "\n"


def _conditions(result: RunResult) -> str:
    machine = result.manifest["machine"]
    when = time.strftime("%Y-%m-%d", time.gmtime(result.manifest["started_at"]))
    return (
        f"Made on {when} on one machine of {machine['cores']} cores "
        f"({machine['cpu']}, {machine['kernel']}), seed {result.manifest['seed']}, "
        f"run `{result.manifest['run']}`. It speaks of this class of machine and no "
        f"other. The [manifest]({MANIFEST}) holds versions and settings, the "
        "[scenario](scenario.toml) what was asked, [figures](figures.json) every "
        "figure of every trial; `chandlery bench reproduce manifest.json` does it "
        "again."
    )


def _faults(result: RunResult) -> list[str]:
    return [
        f"{target.name}, {trial.load_name} load: {fault_sentence(course)}"
        for target in result.measured
        for trial in target.with_faults
        for course in trial.faults
    ]


def _medians(result: RunResult) -> list[list[str]]:
    rows = []
    for load in result.load_names:
        for target in result.measured:
            for metric in METRICS:
                values = values_of(target.at(load), metric)
                if not values:
                    continue
                found = interval_of(target.at(load), metric)
                inside = "none"
                if found is not None:
                    inside = f"[{number(found.low)}, {number(found.high)}]"
                name = metric.name.replace("_", " ")
                middle = f"{number(median(values))} {metric.unit}"
                rows.append([load, target.name, name, middle, inside, str(len(values))])
    return rows


def _ratios(result: RunResult) -> list[list[str]]:
    return [
        [
            pair.load,
            pair.metric.name.replace("_", " "),
            pair.left.name,
            pair.right.name,
            number(pair.verdict.point),
            "none" if pair.verdict.interval is None else interval_words(pair.verdict),
            pair.verdict.finding.value,
        ]
        for pair in pairs(result)
    ]


def _rejected(result: RunResult) -> list[str]:
    return [
        f"{target.name}, trial {trial.number} ({trial.load_name} load, repetition "
        f"{trial.repetition}): {gate.sentence}."
        for target in result.measured
        for trial in target.trials
        for gate in trial.gates
        if not gate.holds
    ]


def _bullets(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines or ["none"])


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
