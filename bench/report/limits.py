"""What a run may not claim, computed from what it did and did not do."""

from bench.analysis.run import RunResult, TargetResult
from bench.report.words import listed, number, plural, quantile_name
from bench.stats.latency import samples_needed
from bench.stats.ranks import TRIALS_MIN


def limits_of(result: RunResult) -> list[str]:
    """Every limit of the run, the gravest first."""
    lines = [
        f"{target.name} was asked for and is missing: {target.missing}"
        for target in result.targets
        if target.missing is not None
    ]
    lines += _invalid(result)
    lines += _trials(result)
    lines.append(
        f"Everything ran on one machine with {result.manifest['machine']['cores']} "
        "cores: servers, all validators and the load generator share them. Throughput "
        "is this box's; more machines would change every figure but the counts."
    )
    lines.append(
        f"One load was offered ({_rate(result)} sessions/s), far from any limit that "
        "was looked for: nothing here says how much a target can carry."
    )
    for target in result.measured:
        lines += _of_target(target)
    lines.append(_durability(result))
    return lines


def _rate(result: RunResult) -> str:
    rates = {point.sessions_per_s for point in result.scenario.arrivals}
    return " to ".join(number(rate) for rate in sorted({min(rates), max(rates)}))


def _invalid(result: RunResult) -> list[str]:
    return [
        f"{target.name}, trial {trial.number} is INVALID as a measurement: "
        f"{gate.sentence}. Its latencies may be the generator's own."
        for target in result.measured
        for trial in target.trials
        for gate in trial.gates
        if not gate.holds
    ]


def _trials(result: RunResult) -> list[str]:
    fewest = min((len(t.trials) for t in result.measured), default=0)
    if not fewest or fewest >= TRIALS_MIN:
        return []
    return [
        f"{plural(fewest, 'trial')} a target carries no interval: a difference between "
        f"two targets may be chance. To say more, {TRIALS_MIN} trials are needed."
    ]


def _of_target(target: TargetResult) -> list[str]:
    lines = []
    trial = target.shown
    order = trial.operations["place_order"]
    weak = [
        f"{quantile_name(q)} (needs {samples_needed(q):,})"
        for q, value in order.latency.quantiles_ms.items()
        if value is None
    ]
    if weak:
        lines.append(
            f"{target.name}: {plural(order.count, 'order')} in the baseline cannot "
            f"carry {listed(weak)}."
        )
    for check in trial.checks:
        if check.passed is None:
            lines.append(f"{target.name}: not checked: {check.name} ({check.detail}).")
    for course in trial.faults:
        if course.not_run is not None:
            lines.append(f"{target.name}: the fault was not run: {course.not_run}.")
        elif course.recovery is not None:
            width = number(course.recovery.resolution_s)
            lines.append(
                f"{target.name}: recovery times are known to one window of {width} s; "
                f"of {len(target.descriptor.components) if target.descriptor else 0} "
                "components one was killed, once, and no link was cut."
            )
    if trial.cost is None:
        lines.append(f"{target.name}: cost unknown, its supervisor gave no samples.")
    return lines


def _durability(result: RunResult) -> str:
    parts = [
        f"{target.name}: {target.descriptor.durability}"
        for target in result.measured
        if target.descriptor is not None
    ]
    return "Acknowledged does not mean the same everywhere. " + "; ".join(parts) + "."
