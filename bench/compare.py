"""A whole run: each target up, one trial, down; an invalid trial again, if time allows.

A target that cannot be started is written down as missing, with what it printed, and
the run goes on. Whatever ends the run (an error, Ctrl-C) takes the running target down
first. Targets run one at a time: on one machine they would measure each other.
"""

import asyncio
import dataclasses
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.adapters.make import make_adapter
from bench.analysis.read import read_trial
from bench.analysis.trial import analyse_trial
from bench.errors import BenchError
from bench.progress import Terminal
from bench.scenario.model import Scenario
from bench.store.folder import MANIFEST, RunFolder, write_json
from bench.store.manifest import machine_facts, package_versions
from bench.targets.launch import Launcher, up_command
from bench.trial.run import Bench, run_trial


@dataclass(frozen=True, slots=True)
class Request:
    """What a run is asked to do."""

    scenario: Scenario
    targets: Sequence[str]
    out: Path
    seed: int


@dataclass(frozen=True, slots=True)
class _Run:
    """A run under way."""

    request: Request
    folder: RunFolder
    terminal: Terminal
    began_s: float

    def elapsed_s(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.began_s


async def run_all(request: Request, terminal: Terminal) -> RunFolder:
    """Measure every target and return the run's folder, without a report yet."""
    for name in request.targets:
        up_command(name, Path("."))  # an unknown name is refused before anything starts
    folder = RunFolder.create(request.out, request.scenario.name)
    scenario_file = folder.path / "scenario.toml"
    scenario_file.write_text(request.scenario.source, encoding="utf-8")
    manifest = _manifest(request, folder)
    write_json(folder.path / MANIFEST, manifest)
    run = _Run(request, folder, terminal, time.monotonic())
    count = len(request.targets)
    try:
        for number, name in enumerate(request.targets, 1):
            terminal.prefix = f"{number}/{count} {name}: "
            await _run_target(run, name, count - number)
    finally:
        terminal.prefix = ""
        manifest["ended_at"] = time.time()
        write_json(folder.path / MANIFEST, manifest)
    return folder


async def _run_target(run: _Run, name: str, remaining: int) -> None:
    """One target: a trial, and again if the measurement was invalid and time allows."""
    scenario, folder = run.request.scenario, run.folder.target(name)
    facts: dict[str, Any] = {"name": name, "missing": None, "descriptor": None}
    try:
        for number in range(1, scenario.validity.reruns_max + 2):
            began_s = time.monotonic()
            await _trial(run, name, number, facts)
            result = analyse_trial(
                read_trial(run.folder.trial(name, number)), scenario, number
            )
            invalid = [gate.sentence for gate in result.gates if not gate.holds]
            if not invalid:
                run.terminal.say("measured and audited")
                return
            run.terminal.say(f"INVALID: {'; '.join(invalid)}")
            took_s = time.monotonic() - began_s
            if run.elapsed_s() + took_s * (remaining + 1) > scenario.time_budget_s:
                return
    except (BenchError, OSError) as error:
        facts["missing"] = str(error)
        run.terminal.say(f"could not be measured: {error}")
    finally:
        write_json(folder / "target.json", facts)


async def _trial(run: _Run, name: str, number: int, facts: dict[str, Any]) -> None:
    """One trial of one target, from a fresh start until it is gone again."""
    launcher = Launcher(name, run.folder.target(name))
    run.terminal("starting")
    began_s = time.monotonic()
    try:
        running = await launcher.start()
        facts["start_s"] = time.monotonic() - began_s
        facts["descriptor"] = running.descriptor.as_json()
        run.terminal.say(f"serves after {facts['start_s']:.1f} s")
        await run_trial(
            Bench(
                run.request.scenario,
                run.request.seed,
                running.descriptor,
                make_adapter(running.descriptor, running.folder),
                run.folder.trial(name, number),
                run.terminal,
            )
        )
    except asyncio.CancelledError:
        run.terminal.say("interrupted; the target is being stopped and removed")
        raise
    finally:
        run.terminal("stopping")
        await launcher.stop()


def _manifest(request: Request, folder: RunFolder) -> dict[str, Any]:
    scenario = dataclasses.asdict(request.scenario)
    del scenario["source"]
    return {
        "schema": 1,
        "run": folder.path.name,
        "started_at": time.time(),
        "targets": list(request.targets),
        "seed": request.seed,
        "machine": machine_facts(folder.path),
        "implementation": platform.python_implementation(),
        "packages": package_versions(),
        "scenario": scenario,
    }


def run_loop(main: Any) -> Any:
    """Run a coroutine on uvloop where it is to be had, on asyncio elsewhere."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)
