"""What one trial of a scenario really does: its load, its phases, its faults.

A scenario speaks of all targets and loads; a trial is one target at one load, with or
without a fault. Both the runner and the analysis derive the trial's own scenario here,
so that a figure is computed over exactly the seconds that were meant.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bench.scenario.model import Fault, Load, Phases, RatePoint, Scenario

DECLARED = Load("declared", None, None, with_fault=True)
LOAD_NAME_OF_KNEE = "knee"


def loads_of(scenario: Scenario) -> tuple[Load, ...]:
    """The loads of the trials; a scenario without any has its declared arrivals."""
    return scenario.loads or (DECLARED,)


def faults_for(scenario: Scenario, target: str) -> tuple[Fault, ...]:
    """The faults meant for a target: those that name it, else those that name none."""
    named = tuple(fault for fault in scenario.faults if target in fault.targets)
    return named or tuple(fault for fault in scenario.faults if not fault.targets)


def trial_scenario(
    scenario: Scenario, target: str, sessions_per_s: float | None, with_fault: bool
) -> Scenario:
    """The scenario of one trial. `sessions_per_s` None: arrivals as declared."""
    faults = faults_for(scenario, target) if with_fault else ()
    phases = scenario.phases
    if not with_fault:
        phases = Phases(phases.warmup_s, phases.baseline_s, 0.0, 0.0)
    elif holds := [fault.hold_s for fault in faults if fault.hold_s is not None]:
        phases = phases.holding(max(holds))
    arrivals = scenario.arrivals
    if sessions_per_s is not None:
        arrivals = (RatePoint(0.0, sessions_per_s),)
    return replace(scenario, phases=phases, faults=faults, arrivals=arrivals)


def probe_scenario(scenario: Scenario, sessions_per_s: float) -> Scenario:
    """The scenario of one probe of the knee: long enough for its percentile."""
    assert scenario.knee is not None, "a scenario without a knee has no probes"
    needed = 10 / (1 - scenario.objective.order_quantile)
    orders_per_s = sessions_per_s * scenario.orders_per_session
    # A tenth more than needed: how many orders there are is a matter of chance.
    measured_s = max(scenario.knee.measured_s, 1.1 * needed / orders_per_s)
    phases = Phases(scenario.knee.warmup_s, measured_s, 0.0, 0.0)
    arrivals = (RatePoint(0.0, sessions_per_s),)
    return replace(scenario, phases=phases, faults=(), arrivals=arrivals)


def own_scenario(scenario: Scenario, target: str, facts: Mapping[str, Any]) -> Scenario:
    """The scenario of a trial that was run, by what was kept with it."""
    if "load_name" not in facts:
        return scenario
    rate = facts["sessions_per_s"]
    return trial_scenario(scenario, target, rate, bool(facts["with_fault"]))


def rate_of(load: Load, knee_sessions_per_s: float | None) -> float | None:
    """The rate of a load on a target; None: as the scenario's arrivals declare."""
    if load.of_knee is None:
        return load.sessions_per_s
    assert knee_sessions_per_s is not None, "the knee is searched first"
    return load.of_knee * knee_sessions_per_s
