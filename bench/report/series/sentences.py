"""Sentences on ratios of medians: a claim only where its interval carries one."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from bench.analysis.run import RunResult, TargetResult
from bench.analysis.series import BY_NAME, METRICS, Metric, interval_of, values_of
from bench.report.words import listed, number, percent, plural
from bench.scenario.variant import loads_of
from bench.stats.ranks import TRIALS_MIN
from bench.stats.verdict import Finding, Verdict, compare

# What the first load is compared by in sentences; the rest is in the table.
TOLD_FIRST = ("order_latency_ms_p50", "order_latency_ms_p95", "cpu_ms_per_order")
TOLD_AFTER = ("order_latency_ms_p50", "cpu_ms_per_order")


@dataclass(frozen=True, slots=True)
class Pair:
    """One figure of two targets at one load, and what may be said of their ratio."""

    load: str
    where: str
    """The load in words, and whether each side faced a crowd of its own."""
    metric: Metric
    left: TargetResult
    right: TargetResult
    verdict: Verdict
    trials: tuple[int, int]


def pair_of(
    result: RunResult, load: str, metric: Metric, sides: tuple[str, str]
) -> Pair:
    """Compare one figure of two targets by name (left over right)."""
    by_name = {target.name: target for target in result.targets}
    left, right = by_name[sides[0]], by_name[sides[1]]
    ours = values_of(left.at(load), metric)
    theirs = values_of(right.at(load), metric)
    margin = result.scenario.trials.equivalence_ratio
    verdict = compare(ours, theirs, margin)
    where = _where(result, load)
    return Pair(load, where, metric, left, right, verdict, (len(ours), len(theirs)))


def _where(result: RunResult, name: str) -> str:
    """A share of the knee is a different crowd for each target: said every time."""
    load = next(load for load in loads_of(result.scenario) if load.name == name)
    if load.of_knee is None:
        return f"At the {name} load"
    return f"At the {name} load ({percent(load.of_knee)} of each one's own knee)"


def pairs(result: RunResult) -> Iterator[Pair]:
    """Every figure at every load, each later target over each earlier one; pairs of
    which a side has no figure are left out."""
    measured = result.measured
    for load in result.load_names:
        for place, right in enumerate(measured):
            for left in measured[place + 1 :]:
                for metric in METRICS:
                    pair = pair_of(result, load, metric, (left.name, right.name))
                    if pair.verdict.point is not None:
                        yield pair


def sentence(pair: Pair, margin: float) -> str:
    """One pair in a sentence."""
    verdict, words = pair.verdict, pair.metric.words
    left, right = pair.left.name, pair.right.name
    where = pair.where
    if verdict.interval is None:
        return (
            f"{where} {words} was {number(verdict.point)} times as much on {left} as "
            f"on {right}, of {plural(min(pair.trials), 'trial')}: not a claim."
        )
    if verdict.finding is Finding.EQUIVALENT:
        return (
            f"{where} {words} is equivalent on {left} and {right}, within the margin "
            f"of {percent(margin - 1)} set beforehand; ratio in "
            f"{interval_words(verdict)}."
        )
    if not verdict.is_claim:
        return (
            f"{where} {words} on {left} and {right}: not distinguished; ratio in "
            f"{interval_words(verdict)}."
        )
    return (
        f"{where} {words} was {number(verdict.point)} times as much on {left} as on "
        f"{right} (medians of {pair.trials[0]} and {pair.trials[1]} trials; ratio in "
        f"{interval_words(verdict)})."
    )


def interval_words(verdict: Verdict) -> str:
    """[a, b]"""
    assert verdict.interval is not None, "only what has an interval is told with it"
    return f"[{number(verdict.interval.low)}, {number(verdict.interval.high)}]"


def findings(result: RunResult) -> list[str]:
    """Chain beside central in sentences, whichever way it falls."""
    lines = []
    margin = result.scenario.trials.equivalence_ratio
    for chain, central in _worlds_crossed(result):
        for index, load in enumerate(result.load_names):
            for name in TOLD_AFTER if index else TOLD_FIRST:
                pair = pair_of(result, load, BY_NAME[name], (chain, central))
                if pair.verdict.point is not None:
                    lines.append(sentence(pair, margin))
    return lines


def against_chains(result: RunResult) -> list[str]:
    """What speaks against each chain at the lowest load, as far as it is carried."""
    lines = []
    load = result.load_names[0]
    centrals = [t.name for t in result.measured if _world(t) == "central"]
    for chain in [t for t in result.measured if _world(t) == "chain"]:
        costs = []
        for name in TOLD_AFTER:
            told = [
                _beside(pair.verdict, central)
                for central in centrals
                for pair in [
                    pair_of(result, load, BY_NAME[name], (chain.name, central))
                ]
                if pair.verdict.point is not None
            ]
            if told:
                costs.append(f"{BY_NAME[name].words} was {listed(told)}")
        if costs:
            lines.append(
                f"Against {chain.name}: at the {load} load {'; '.join(costs)}."
            )
    return lines


def target_summary(result: RunResult, target: TargetResult) -> str:
    """One target in a sentence: its medians at the lowest load, with intervals."""
    load = result.load_names[0]
    trials = target.at(load)
    if not trials:
        why = target.missing or "no trial was finished"
        return f"{target.name} has no valid trial at the {load} load: {why}."
    told = []
    for name in TOLD_FIRST:
        metric = BY_NAME[name]
        values = values_of(trials, metric)
        found = interval_of(trials, metric)
        if not values:
            continue
        text = f"{metric.words} {number(median(values))} {metric.unit}"
        if found is not None:
            text += f" [{number(found.low)}, {number(found.high)}]"
        told.append(text)
    return (
        f"{target.name}, {load} load, medians of {plural(len(trials), 'trial')}: "
        f"{'; '.join(told)}."
    )


def _beside(verdict: Verdict, other: str) -> str:
    """A ratio as the end of a sentence, with what it may be called."""
    times = f"{number(verdict.point)} times that on {other}"
    if verdict.interval is None:
        return f"{times} (no interval, no claim)"
    if verdict.finding is Finding.EQUIVALENT:
        return f"equivalent to that on {other} {interval_words(verdict)}"
    if not verdict.is_claim:
        return f"not distinguished from that on {other} {interval_words(verdict)}"
    return f"{times} {interval_words(verdict)}"


def knee_sentences(result: RunResult) -> list[str]:
    """The highest sustained rate of each target. A search is made once: it carries no
    interval, and is not compared."""
    lines = []
    for target in result.targets:
        probe = target.knee_probe
        if not target.probes:
            continue
        if probe is None:
            lines.append(f"{target.name} sustained none of the rates tried.")
            continue
        refused = [
            p.sessions_per_s
            for p in target.probes
            if not p.sustained and p.sessions_per_s > probe.sessions_per_s
        ]
        text = (
            f"{target.name} sustained {number(probe.sessions_per_s)} sessions/s "
            f"({number(probe.goodput_orders_per_s)} orders/s)"
        )
        if refused:
            text += f" and not {number(min(refused))}"
        lines.append(text + ", on this box and beside the load generator.")
    return lines


def trials_caveat(result: RunResult) -> str:
    """What the number of trials carries."""
    counts = [
        len(target.at(load)) for target in result.measured for load in result.load_names
    ]
    fewest = min(counts, default=0)
    if fewest >= TRIALS_MIN:
        return (
            f"at least {plural(fewest, 'valid trial')} of fresh processes a target and "
            "load, interleaved; an interval reaches from rank to rank and covers the "
            "median with at least 95 %, a ratio's with at least 90 %"
        )
    return (
        f"for some targets only {plural(fewest, 'valid trial')} at a load: no interval "
        f"there, {TRIALS_MIN} are needed"
    )


def _worlds_crossed(result: RunResult) -> Iterator[tuple[str, str]]:
    for chain in result.measured:
        for central in result.measured:
            if _world(chain) == "chain" and _world(central) == "central":
                yield chain.name, central.name


def _world(target: TargetResult) -> str:
    return target.descriptor.world if target.descriptor is not None else ""
