"""What a run may not claim, computed from what it did and did not do."""

from typing import Any

from bench.analysis.run import RunResult, TargetResult
from bench.crew.wish import ELSEWHERE
from bench.descriptor import DETECTION
from bench.report.words import listed, number, plural, quantile_name
from bench.stats.latency import samples_needed
from bench.stats.ranks import TRIALS_MIN


def limits_of(result: RunResult) -> list[str]:
    """Every limit of the run, the gravest first."""
    lines = [
        f"{target.name} was asked for and is missing: {target.missing}"
        if not target.trials
        else f"{target.name} was given up after {plural(len(target.trials), 'trial')}: "
        f"{target.missing}"
        for target in result.targets
        if target.missing is not None
    ]
    lines += _invalid(result)
    lines += _trials(result)
    lines += _machines(result)
    lines += _left_out(result)
    lines.append(_capacity(result))
    lines += _ladder(result)
    lines += _shared(result)
    if {t.descriptor.world for t in result.measured if t.descriptor} >= {"chain"}:
        lines.append(
            "Reads on a chain are answered by one node and are worth what that node is "
            "worth; browsing reads one shelf there, and the whole catalogue elsewhere."
        )
        lines.append(
            f"Clients reach {_tls(result)}. Validators talk to each other over TLS "
            "(unless a target's name ends in -plain); a database and its standbys do "
            "not."
        )
    lines += _detection(result)
    lines.append(_durability(result))
    return lines


def _machines(result: RunResult) -> list[str]:
    """What shared a machine with what."""
    cores = result.manifest["machine"]["cores"]
    remote, far = found_running(result.manifest), far_crew(result.manifest)
    if not remote and far is None:
        return [
            f"Everything ran on one machine with {cores} cores: servers, all "
            "validators and the load generator share them. Throughput is this box's; "
            "more machines would change every figure but the counts."
        ]
    lines = [f"What was started here shared one machine with {cores} cores."]
    if remote:
        lines.append(
            f"{listed(remote)} was found running: nothing is known here of its "
            "machine, nor who else used it, and its trials are not of fresh processes."
        )
    if far is not None:
        lines.append(
            f"The load came from {plural(far['count'], 'generator')} on other "
            "machines: their network is part of every latency."
        )
    return lines


def found_running(manifest: dict[str, Any]) -> list[str]:
    """Targets that the run neither started nor stopped."""
    texts = manifest.get("target_texts", manifest["targets"])
    pairs = zip(manifest["targets"], texts, strict=False)
    return [name for name, text in pairs if "=" in text]


def far_crew(manifest: dict[str, Any]) -> dict[str, Any] | None:
    """The generators of a run, if they were not processes of this machine."""
    crew: dict[str, Any] | None = manifest.get("generators")
    return crew if crew is not None and crew["where"] == ELSEWHERE else None


def _tls(result: RunResult) -> str:
    """Whom clients reach with TLS and whom without, in words."""
    over = [
        target.name
        for target in result.measured
        if target.descriptor is not None
        and all(e.url.startswith("https://") for e in target.descriptor.endpoints)
    ]
    if not over:
        return "every target without TLS"
    if len(over) == len(result.measured):
        return "every target over TLS"
    return f"{listed(over)} over TLS and the other targets without"


def _detection(result: RunResult) -> list[str]:
    """When each target notices that a part has died, as far as it says so."""
    if not any(trial.faults for t in result.measured for trial in t.trials):
        return []
    changed = [t.name for t in result.measured if "-detect-" in t.name]
    told: dict[str, list[str]] = {}
    for target in result.measured:
        if target.descriptor is not None:
            timers = target.descriptor.software.get(DETECTION)
            if timers is not None:
                told.setdefault(timers, []).append(target.name)
    text = "Detection timers are as shipped"
    if changed:
        text += f", but for {listed(changed)}, where they are set"
    parts = [f"{listed(names)}: {timers}" for timers, names in told.items()]
    return [f"{text}{' (' if parts else ''}{'; '.join(parts)}{')' if parts else ''}."]


def _capacity(result: RunResult) -> str:
    if any(target.probes for target in result.targets):
        return (
            "Each knee was searched once: it carries no interval, and a difference "
            "between two of them is not claimed. A load named as a share of the knee "
            "is a share of each target's own: there, targets face different crowds."
        )
    return (
        f"One load was offered ({_rate(result)} sessions/s), far from any limit that "
        "was looked for: nothing here says how much a target can carry."
    )


def _left_out(result: RunResult) -> list[str]:
    """Trials that were to be made and were not."""
    by_reason: dict[str, list[str]] = {}
    for cell in result.manifest.get("left_out", []):
        what = f"{cell['target']} {cell['load']} {cell['repetition']}"
        by_reason.setdefault(str(cell["reason"]), []).append(what)
    return [
        f"{plural(len(cells), 'trial')} not made, {reason}: {listed(cells)}."
        for reason, cells in by_reason.items()
    ]


def _ladder(result: RunResult) -> list[str]:
    """What consensus costs shows only between chains of different make."""
    chains = [
        target.name
        for target in result.measured
        if target.descriptor is not None and target.descriptor.world == "chain"
    ]
    if len(chains) != 1:
        return []
    return [
        f"Of chains only {chains[0]} was measured: what consensus, the executor or TLS "
        "between validators cost apart is for the scenario 'ladder' (1, 4 and 7 "
        "validators, both executors, with and without TLS) to say."
    ]


def _shared(result: RunResult) -> list[str]:
    """Limits of single targets; those with the same limit are named together."""
    names: dict[str, list[str]] = {}
    for target in result.measured:
        for text in _of_target(target):
            names.setdefault(text, []).append(target.name)
    return [f"{listed(who)}: {text}" for text, who in names.items()]


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
    fewest = min(
        (len(t.at(load)) for t in result.measured for load in result.load_names),
        default=0,
    )
    if not fewest or fewest >= TRIALS_MIN:
        return []
    return [
        f"{plural(fewest, 'trial')} a target carries no interval: a difference between "
        f"two targets may be chance. To say more, {TRIALS_MIN} trials are needed."
    ]


def _of_target(target: TargetResult) -> list[str]:
    trial = target.shown
    weak = [
        f"{quantile_name(q)} (needs {samples_needed(q):,})"
        for q, value in trial.operations["place_order"].latency.quantiles_ms.items()
        if value is None
    ]
    lines = []
    if weak:
        lines.append(f"too few orders in the baseline to carry {listed(weak)}.")
    lines += [
        f"not checked: {check.name} ({check.detail})."
        for check in trial.checks
        if check.passed is None
    ]
    for course in trial.faults:
        if course.not_run is not None:
            lines.append(f"the fault was not run: {course.not_run}.")
        elif course.recovery is not None:
            lines.append(
                "recovery times are known to one window of "
                f"{course.recovery.resolution_s:.1f} s; one component was hit, once, "
                "and no link was cut."
            )
    if trial.cost is None:
        lines.append("cost unknown, the supervisor gave no samples.")
    return lines


def _durability(result: RunResult) -> str:
    worth: dict[str, list[str]] = {}
    for target in result.measured:
        if target.descriptor is not None:
            worth.setdefault(target.descriptor.durability, []).append(target.name)
    parts = [f"{listed(names)}: {text}" for text, names in worth.items()]
    return (
        "An acknowledgement is not worth the same everywhere. " + "; ".join(parts) + "."
    )
