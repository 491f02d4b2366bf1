"""A whole run: every target asked for, with its trials or why it is missing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.analysis.read import read_trial
from bench.analysis.trial import TrialResult, analyse_trial
from bench.descriptor import Descriptor, parse_descriptor
from bench.scenario.load import parse_scenario
from bench.scenario.model import Scenario
from bench.store.folder import MANIFEST, RunFolder, read_json


@dataclass(frozen=True, slots=True)
class TargetResult:
    """One target. `missing` tells why it could not be measured at all."""

    name: str
    descriptor: Descriptor | None
    missing: str | None
    start_s: float | None
    trials: list[TrialResult]

    @property
    def shown(self) -> TrialResult:
        """The trial that a report shows: the first valid one, else the last."""
        valid = [trial for trial in self.trials if trial.is_valid]
        return valid[0] if valid else self.trials[-1]


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
    def is_valid(self) -> bool:
        """True if every target was measured and each has a valid trial."""
        return all(
            any(trial.is_valid for trial in target.trials) for target in self.targets
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
    for trial in sorted(path.glob("trial-*"), key=lambda p: int(p.name[6:])):
        if (trial / "trial.json").exists():
            raw = read_trial(trial)
            trials.append(analyse_trial(raw, scenario, int(trial.name[6:])))
    return TargetResult(
        name,
        None if descriptor is None else parse_descriptor(descriptor, name),
        facts.get("missing"),
        facts.get("start_s"),
        trials,
    )
