"""How long a run will still take, from what its parts have taken so far."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import mean

from bench.campaign.order import cells_of
from bench.scenario.model import Scenario
from bench.scenario.variant import probe_scenario, trial_scenario

OVERHEAD_S = 16.0  # to start, provision, audit and stop a target, before any is known
DRAIN_S = 4.0  # until the last shoppers of a probe have left
PROBES_EXPECTED = 6


@dataclass
class Pace:
    """What each target takes beyond the seconds of its load."""

    overheads_s: dict[str, list[float]] = field(default_factory=dict)

    def took(self, target: str, load_s: float, seconds: float) -> None:
        """A trial with `load_s` seconds of load took so long in all."""
        self.overheads_s.setdefault(target, []).append(max(0.0, seconds - load_s))

    def trial_s(self, target: str, load_s: float) -> float:
        """How long a trial is expected to take."""
        known = self.overheads_s.get(target)
        return load_s + (mean(known) if known else OVERHEAD_S)

    def search_s(self, probe_load_s: float) -> float:
        """How long a whole search for a knee is expected to take."""
        return OVERHEAD_S + PROBES_EXPECTED * (probe_load_s + DRAIN_S)


def expected_minutes(scenario: Scenario, targets: Sequence[str]) -> int:
    """How long a run is expected to take that has not begun, at least a minute."""
    pace = Pace()
    seconds = 0.0
    for cell in cells_of(scenario, targets, 0):
        own = trial_scenario(scenario, cell.target, None, cell.with_fault)
        seconds += pace.trial_s(cell.target, own.phases.load_s)
    if scenario.knee is not None:
        probe = probe_scenario(scenario, scenario.knee.start_sessions_per_s)
        seconds += len(targets) * pace.search_s(probe.phases.load_s)
    return max(1, round(seconds / 60))
