"""Two runs beside each other: what was different about them, and what differed.

Figures of two runs are compared as two targets of one run are: medians of trials, the
ratio with its interval, and a claim only where the interval leaves out 1. What differed
between the runs themselves (scenario, seed, versions, machine) comes first, because it
may be the reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.analysis.run import RunResult
from bench.analysis.series import METRICS, Metric, values_of
from bench.report.words import number
from bench.stats.verdict import Finding, Verdict, compare

# Facts of a machine that change from minute to minute and explain little.
PASSING = ("disk_free_bytes", "load_average_1min", "fsync_ms")


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of one target at one load in both runs; the ratio is b over a."""

    target: str
    load: str
    metric: Metric
    verdict: Verdict

    @property
    def is_worse(self) -> bool:
        """True if b may be called worse than a."""
        worse = Finding.LOWER if self.metric.more_is_better else Finding.HIGHER
        return self.verdict.finding is worse

    @property
    def sentence(self) -> str:
        """The figure in words."""
        what = f"{self.target}, {self.load} load, {self.metric.name.replace('_', ' ')}"
        ratio, inside = number(self.verdict.point), self.verdict.interval
        if inside is None:
            return f"{what}: {ratio} times, no interval, no claim"
        where = f"[{number(inside.low)}, {number(inside.high)}]"
        if not self.verdict.is_claim:
            return f"{what}: {self.verdict.finding.value}; ratio in {where}"
        good = "worse" if self.is_worse else "better"
        return f"{what}: {ratio} times, {good}; ratio in {where}"


def differences(a: RunResult, b: RunResult) -> list[Difference]:
    """Every figure that both runs have, in b against a."""
    found = []
    margin = a.scenario.trials.equivalence_ratio
    ours = {target.name: target for target in b.targets}
    for target in a.targets:
        other = ours.get(target.name)
        if other is None:
            continue
        for load in a.load_names:
            for metric in METRICS:
                before = values_of(target.at(load), metric)
                after = values_of(other.at(load), metric)
                if before and after:
                    verdict = compare(after, before, margin)
                    found.append(Difference(target.name, load, metric, verdict))
    return found


def conditions(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """What differed between two manifests, in words; empty if nothing did."""
    lines = []
    if a.get("scenario_source") != b.get("scenario_source"):
        lines += _fields("scenario", a.get("scenario", {}), b.get("scenario", {}))
        lines = lines or ["scenario: the same settings in another text"]
    for name in ("seed", "targets"):
        if a.get(name) != b.get(name):
            lines.append(f"{name}: {a.get(name)} and {b.get(name)}")
    lines += _fields("package", a.get("packages", {}), b.get("packages", {}))
    lines += _fields("machine", a.get("machine", {}), b.get("machine", {}))
    return lines


def _fields(kind: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    names = sorted({*a, *b} - set(PASSING))
    return [
        f"{kind} {name}: {a.get(name, 'none')} and {b.get(name, 'none')}"
        for name in names
        if a.get(name) != b.get(name)
    ]
