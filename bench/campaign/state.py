"""What a run has already, read from its folder: the same before and after a stop.

Whoever stopped a run (Ctrl-C, a reboot) left whole trials and perhaps one that was cut
off. A whole one counts; the other is thrown away and done again. Nothing but the folder
is needed to go on, and a run that goes on is the same run: same scenario, same seeds,
same versions, or it is refused.
"""

import dataclasses
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.analysis.knee import ProbeResult, judge_probe
from bench.analysis.read import read_trial
from bench.analysis.trial import analyse_trial
from bench.campaign.order import Cell
from bench.errors import BenchError
from bench.scenario.load import parse_scenario
from bench.scenario.model import Scenario
from bench.scenario.variant import own_scenario
from bench.store.folder import MANIFEST, PROBE, TRIAL, RunFolder, read_json, write_json
from bench.store.manifest import machine_facts, package_versions
from bench.targets.spec import TargetSpec

SCENARIO = "scenario.toml"
Key = tuple[str, int]  # load and repetition


@dataclass
class TargetState:
    """What is there of one target. `tries` counts whole trials, valid or not; `done`
    are those that need no other."""

    spec: TargetSpec
    facts: dict[str, Any]
    probes: list[ProbeResult] = field(default_factory=list)
    tries: dict[Key, int] = field(default_factory=dict)
    done: set[Key] = field(default_factory=set)
    last_trial: int = 0
    last_probe: int = 0

    @property
    def given_up(self) -> bool:
        """True if nothing more is tried with this target in this run."""
        return self.facts.get("missing") is not None


def new_manifest(
    scenario: Scenario, specs: list[TargetSpec], seed: int, folder: RunFolder
) -> dict[str, Any]:
    """The manifest of a run that begins now; the scenario's text is in it, so that the
    manifest alone is enough to do the run again."""
    data = dataclasses.asdict(scenario)
    source = data.pop("source")
    return {
        "schema": 1,
        "run": folder.path.name,
        "started_at": time.time(),
        "targets": [spec.name for spec in specs],
        "target_texts": [spec.text for spec in specs],
        "seed": seed,
        "machine": machine_facts(folder.path),
        "packages": package_versions(),
        "scenario": data,
        "scenario_source": source,
        "spent_s": 0.0,
        "left_out": [],
        "resumed": [],
    }


def open_again(path: Path) -> tuple[RunFolder, Scenario, dict[str, Any]]:
    """A run that was stopped; BenchError if it must not go on with what is here."""
    folder = RunFolder.open(path)
    manifest = read_json(path / MANIFEST)
    if "target_texts" not in manifest:
        raise BenchError(f"{path} was made before runs could be resumed; begin anew")
    now = package_versions()
    changed = sorted(
        name
        for name in {*now, *manifest["packages"]}
        if now.get(name) != manifest["packages"].get(name)
    )
    if changed:
        raise BenchError(
            f"{path} was begun with other versions of {', '.join(changed)}; figures of "
            "two versions are two runs: begin anew, or install the manifest's versions"
        )
    text = (path / SCENARIO).read_text(encoding="utf-8")
    manifest["resumed"].append(time.time())
    manifest["left_out"] = []
    return folder, parse_scenario(text, SCENARIO), manifest


def read_target(folder: RunFolder, spec: TargetSpec, scenario: Scenario) -> TargetState:
    """What is there of a target; what was cut off is thrown away."""
    path = folder.target(spec.name) / "target.json"
    facts = read_json(path) if path.exists() else {}
    facts = {"name": spec.name, "text": spec.text, "descriptor": None, **facts}
    # What could not be started may start now.
    state = TargetState(spec, {**facts, "missing": None, "failures": []})
    for kind in (TRIAL, PROBE):
        whole = {number for number, _ in folder.finished(spec.name, kind)}
        for number, torn in folder.numbered(spec.name, kind):
            if number not in whole:
                shutil.rmtree(torn)
    for number, trial in folder.finished(spec.name, TRIAL):
        raw = read_trial(trial)
        own = own_scenario(scenario, spec.name, raw.facts)
        result = analyse_trial(raw, own, number)
        key = (str(raw.facts["load_name"]), int(raw.facts["repetition"]))
        state.tries[key] = state.tries.get(key, 0) + 1
        if result.is_valid:
            state.done.add(key)
        state.last_trial = number
    for number, probe in folder.finished(spec.name, PROBE):
        state.probes.append(judge_probe(read_trial(probe), scenario, number))
        state.last_probe = number
    return state


def key_of(cell: Cell) -> Key:
    """How a cell is known in the folder."""
    return cell.load.name, cell.repetition


def save_target(folder: RunFolder, state: TargetState) -> None:
    """Keep what is known of the target as a whole."""
    write_json(folder.target(state.spec.name) / "target.json", state.facts)
