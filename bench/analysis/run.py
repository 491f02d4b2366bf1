"""A whole run: every target asked for, with its trials or why it is missing."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.analysis.knee import ProbeResult, judge_probe, standing
from bench.analysis.read import read_trial
from bench.analysis.trial import TrialResult, analyse_trial
from bench.descriptor import Descriptor, parse_descriptor
from bench.scenario.load import parse_scenario
from bench.scenario.model import Scenario
from bench.scenario.variant import loads_of, own_scenario
from bench.stats.knee import knee_of
from bench.store.folder import MANIFEST, PROBE, TRIAL, RunFolder, read_json


@dataclass(frozen=True, slots=True)
class TargetResult:
    """One target. `missing` tells why it could not be measured at all, or not to the
    end; `knee_sessions_per_s` is the highest sustained rate, None if none was searched
    or found."""

    name: str
    descriptor: Descriptor | None
    missing: str | None
    start_s: float | None
    trials: list[TrialResult]
    probes: list[ProbeResult] = field(default_factory=list)
    knee_sessions_per_s: float | None = None

    @property
    def shown(self) -> TrialResult:
        """The trial that stands for the target where one must: the first valid one
        (with a fault, if any has one), else the last."""
        valid = [trial for trial in self.trials if trial.is_valid]
        hit = [trial for trial in valid if trial.faults]
        return (hit or valid or self.trials[-1:])[0]

    def at(self, load_name: str) -> list[TrialResult]:
        """The valid trials at a load, one a repetition."""
        found: dict[int, TrialResult] = {}
        for trial in self.trials:
            if trial.is_valid and trial.load_name == load_name:
                found.setdefault(trial.repetition, trial)
        return list(found.values())

    @property
    def with_faults(self) -> list[TrialResult]:
        """The trials in which something was to be killed or frozen."""
        return [trial for trial in self.trials if trial.faults]

    @property
    def knee_probe(self) -> ProbeResult | None:
        """The probe that found the knee."""
        for probe in self.probes:
            if probe.sustained and probe.sessions_per_s == self.knee_sessions_per_s:
                return probe
        return None


@dataclass(frozen=True, slots=True)
class RunResult:
    """Everything a report may speak of."""

    folder: Path
    manifest: dict[str, Any]
    scenario: Scenario
    targets: list[TargetResult]

    @property
    def measured(self) -> list[TargetResult]:
        """Targets with at least one trial."""
        return [target for target in self.targets if target.trials]

    @property
    def load_names(self) -> list[str]:
        """The loads of the trials, in the scenario's order."""
        return [load.name for load in loads_of(self.scenario)]

    @property
    def has_intervals(self) -> bool:
        """True if the run was to have more than one trial a load."""
        return self.scenario.trials.count > 1

    @property
    def is_valid(self) -> bool:
        """True if every target was measured to the end and has a valid trial at
        every load."""
        return all(
            target.missing is None and target.at(name)
            for target in self.targets
            for name in self.load_names
        )

    @property
    def is_complete(self) -> bool:
        """True if every load has as many valid trials on every target as the scenario
        asks for."""
        wanted = self.scenario.trials.count
        return all(
            len(target.at(name)) >= wanted
            for target in self.targets
            for name in self.load_names
        )

    @property
    def passes(self) -> bool:
        """True if no check of any trial failed."""
        return all(trial.passes for target in self.targets for trial in target.trials)


def analyse_run(folder: RunFolder) -> RunResult:
    """Compute all results of a run from its folder."""
    manifest = read_json(folder.path / MANIFEST)
    text = (folder.path / "scenario.toml").read_text(encoding="utf-8")
    scenario = parse_scenario(text, "scenario.toml")
    return RunResult(
        folder.path,
        manifest,
        scenario,
        [_target(folder, name, scenario) for name in manifest["targets"]],
    )


def _target(folder: RunFolder, name: str, scenario: Scenario) -> TargetResult:
    path = folder.path / "targets" / name
    if not (path / "target.json").exists():
        return TargetResult(name, None, "the run ended before its turn", None, [])
    facts = read_json(path / "target.json")
    descriptor = facts.get("descriptor")
    trials = []
    for number, trial in folder.finished(name, TRIAL):
        raw = read_trial(trial)
        own = own_scenario(scenario, name, raw.facts)
        trials.append(analyse_trial(raw, own, number))
    probes = [
        judge_probe(read_trial(probe), scenario, number)
        for number, probe in folder.finished(name, PROBE)
    ]
    return TargetResult(
        name,
        None if descriptor is None else parse_descriptor(descriptor, name),
        facts.get("missing"),
        facts.get("start_s"),
        trials,
        probes,
        knee_of(standing(probes)),
    )
