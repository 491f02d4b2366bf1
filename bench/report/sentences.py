"""The report's sentences, each computed from the run; none is written for a result.

A sentence states a figure of one trial as that, compares two only with the caveat that
the run's size imposes, and never rounds an absence of evidence to a result.
"""

from collections.abc import Callable

from bench.analysis.fault import FaultCourse
from bench.analysis.run import RunResult, TargetResult
from bench.analysis.trial import TrialResult
from bench.report.limits import far_crew, found_running
from bench.report.series.sentences import (
    against_chains,
    findings,
    target_summary,
    trials_caveat,
)
from bench.report.words import listed, milliseconds, number, percent, plural, seconds

# What each kind of fault did to a component: as a participle, and as a noun before it.
HIT = {
    "kill": ("killed", "kill -9 of"),
    "pause": ("frozen", "a freeze of"),
    "partition": ("cut off", "cutting off"),
    "one-way": ("cut off one way", "cutting off, one way,"),
    "loss": ("made to lose packets", "packets lost by"),
}


def verdict(result: RunResult) -> str:
    """The first sentence of the report."""
    measured = result.measured
    if not measured:
        return "Nothing was measured: no target could be started."
    trials = [trial for target in measured for trial in target.trials]
    lost = sum(len(trial.orders.lost) for trial in trials)
    acknowledged = sum(trial.orders.acknowledged for trial in trials)
    courses = [c for trial in trials for c in trial.faults if c.not_run is None]
    done = " or ".join(sorted({HIT[course.kind][0] for course in courses}))
    names = listed([target.name for target in measured])
    was = "was" if len(courses) == 1 else "were"
    met = f"{plural(len(courses), 'component')} {was} {done} meanwhile"
    if not courses:
        met = "nothing was broken meanwhile"
    text = (
        f"{names} sold the same candles to the same shoppers; {met}, and "
        f"{'none' if lost == 0 else number(lost)} of "
        f"{plural(acknowledged, 'acknowledged order')} "
        f"{'was' if lost <= 1 else 'were'} lost."
    )
    if not result.passes:
        text += " At least one check FAILED: see the checks."
    return text


def size_caveat(result: RunResult) -> str:
    """What the size of the run allows it to claim."""
    spread = found_running(result.manifest) or far_crew(result.manifest)
    where = "" if spread else " on one machine"
    if result.scenario.size == "quick":
        return (
            f"Quick size: one short trial a target{where}. It shows that all of this "
            "ran and what the figures look like; it claims nothing beyond that."
        )
    comma = "," if where else ""
    return (
        f"{result.scenario.size.capitalize()} size{comma}{where}: "
        f"{trials_caveat(result)}."
    )


def target_sentence(target: TargetResult) -> str:
    """One target in one or two sentences."""
    if not target.trials:
        return f"{target.name} is missing: {target.missing or 'no trial was finished'}."
    trial = target.shown
    orders = trial.operations["place_order"].latency.quantiles_ms
    text = (
        f"{target.name} finished {number(trial.goodput_orders_per_s)} orders/s of "
        f"{number(trial.offered_orders_per_s)} offered; half of the orders were "
        f"acknowledged within {milliseconds(orders[0.5])}"
    )
    if orders[0.95] is not None:
        text += f", 95 % within {milliseconds(orders[0.95])}"
    if trial.cost is not None and trial.cost.cpu_ms_per_order is not None:
        text += (
            f"; one order took {number(trial.cost.cpu_ms_per_order)} ms of CPU on all "
            "of its machines together"
        )
    told = [
        fault_sentence(course)
        for trial in target.with_faults
        for course in trial.faults
    ]
    return text + ". " + " ".join(told)


def target_line(result: RunResult, target: TargetResult) -> str:
    """One target in a sentence, as far as the run's trials carry."""
    if result.has_intervals and target.trials:
        return target_summary(result, target)
    return target_sentence(target)


def fault_sentence(course: FaultCourse) -> str:
    """One fault in one sentence."""
    if course.not_run is not None:
        return f"The fault was not run: {course.not_run}."
    begun = f"After {HIT[course.kind][1]} {course.component}"
    if course.requests_failed == 0:
        return (
            f"{begun} no request failed; the slowest order took "
            f"{milliseconds(course.slowest_order_ms)}."
        )
    last = (course.last_failure_s or 0.0) - (course.asked_s or 0.0)
    unserved = course.operations_unserved
    outcome = "every shopper was served"
    if unserved:
        outcome = plural(unserved, "operation") + " ended unserved"
    return (
        f"{begun} {plural(course.requests_failed, 'request')} failed, the last of them "
        f"{seconds(last)} later; after retries {outcome}."
    )


def against_each(result: RunResult) -> list[str]:
    """What speaks against the chain, and what against each central rung: for the first
    screen, so that neither world is shown from its better side alone."""
    worlds = _by_world(result)
    lines = against_chains(result) if result.has_intervals else []
    faults = {
        target.name: [c for trial in target.with_faults for c in trial.faults]
        for target in result.measured
    }
    for name, chain in [] if result.has_intervals else worlds["chain"]:
        costs = [
            f"{words} {_range(ratios)} times"
            for words, figure in (
                ("the wait for an order was", _median_order),
                ("its CPU", _cpu_per_order),
            )
            if (ratios := _ratios(chain, [t for _, t in worlds["central"]], figure))
        ]
        if costs:
            lines.append(
                f"Against {name}: in this run {listed(costs)} that of the central "
                "targets."
            )
    for name, _ in worlds["central"]:
        text = f"Against {name}: its operator can rewrite or drop any order unseen"
        stops = [c for c in faults[name] if c.worst_second_share == 0]
        if stops:
            text += f"; without its {stops[0].component} it served nobody"
        lines.append(text + ".")
    return lines


def comparisons(result: RunResult) -> list[str]:
    """Central beside chain, whichever way it falls; empty without both worlds."""
    if result.has_intervals:
        return findings(result)
    worlds = _by_world(result)
    lines = []
    for central_name, central in worlds["central"]:
        for chain_name, chain in worlds["chain"]:
            lines += _pair(central_name, central, chain_name, chain)
    return lines


def _by_world(result: RunResult) -> dict[str, list[tuple[str, TrialResult]]]:
    worlds: dict[str, list[tuple[str, TrialResult]]] = {"central": [], "chain": []}
    for target in result.measured:
        if target.descriptor is not None:
            worlds[target.descriptor.world].append((target.name, target.shown))
    return worlds


def _median_order(trial: TrialResult) -> float | None:
    return trial.operations["place_order"].latency.quantiles_ms[0.5]


def _cpu_per_order(trial: TrialResult) -> float | None:
    return None if trial.cost is None else trial.cost.cpu_ms_per_order


def _ratios(
    chain: TrialResult,
    others: list[TrialResult],
    figure: Callable[[TrialResult], float | None],
) -> list[float]:
    mine = figure(chain)
    theirs = [value for other in others if (value := figure(other))]
    return [mine / value for value in theirs] if mine else []


def _range(ratios: list[float]) -> str:
    low, high = (number(ratio, 2) for ratio in (min(ratios), max(ratios)))
    return low if low == high else f"{low} to {high}"


def _pair(
    central_name: str, central: TrialResult, chain_name: str, chain: TrialResult
) -> list[str]:
    lines = []
    quick, slow = _median_order(central), _median_order(chain)
    if quick and slow:
        lines.append(
            f"The median order took {number(slow / quick)} times as long on "
            f"{chain_name} as on {central_name} ({milliseconds(slow)} to be final, "
            f"against {milliseconds(quick)} to be committed)."
        )
    one, other = _cpu_per_order(central), _cpu_per_order(chain)
    if one and other:
        lines.append(
            f"An order cost {number(other / one)} times as much CPU on {chain_name} as "
            f"on {central_name} ({number(other)} against {number(one)} ms)."
        )
    for one_fault, other_fault in zip(central.faults, chain.faults, strict=False):
        if one_fault.not_run is None and other_fault.not_run is None:
            lines.append(
                "One killed component left "
                f"{plural(one_fault.requests_failed, 'request')} failed on "
                f"{central_name} ({one_fault.role}) and "
                f"{number(other_fault.requests_failed)} on {chain_name} "
                f"({other_fault.role})."
            )
    return lines


def scheduling_sentence(result: RunResult) -> str:
    """How the generator was scheduled beside its targets; of several, also how far
    their clocks were apart."""
    trials = [trial for target in result.measured for trial in target.trials]
    names = {str(t.facts.get("generator_scheduling", "unknown")) for t in trials}
    crew = result.manifest.get("generators")
    if crew is not None:
        each = [one for trial in trials for one in trial.facts.get("generators", ())]
        offset_ms = max((abs(one["clock_offset_ms"]) for one in each), default=0.0)
        known_ms = max((one["clock_known_to_ms"] for one in each), default=0.0)
        return (
            f"The load came from {plural(crew['count'], 'generator')} ({crew['where']})"
            f", each with a shard of the schedule; clocks were up to "
            f"{milliseconds(offset_ms)} from the bench's own, known to within "
            f"{milliseconds(known_ms)}, and the start allowed for it. Scheduled as: "
            f"{listed(sorted(names))}."
        )
    return (
        "The load generator shared the machine with its targets; it was scheduled as: "
        f"{listed(sorted(names))}."
    )


def calibration_sentence(result: RunResult) -> str:
    """What the client can do by itself, against what the run asked of it."""
    found = result.manifest.get("calibration")
    if found is None:
        return "The load generator's client was not calibrated in this run."
    busiest = max(
        (trial.requests_per_s_max for t in result.measured for trial in t.trials),
        default=0.0,
    )
    count = (result.manifest.get("generators") or {"count": 1})["count"]
    share = busiest / (count * found["requests_per_cpu_s"])
    cores = "one core" if count == 1 else f"{count} cores"
    return (
        f"Against a server that answers at once this client ({result.scenario.client}) "
        "makes "
        f"{number(found['requests_per_cpu_s'])} requests for a second of its CPU, and "
        f"one takes {milliseconds(found['floor_ms_p50'])} (p99 "
        f"{milliseconds(found['floor_ms_p99'])}): no latency on this page can be "
        f"shorter. The busiest second of any trial began {number(busiest)} requests, "
        f"{percent(share)} of what {cores} could."
    )
