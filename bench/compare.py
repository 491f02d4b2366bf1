"""A whole run: each target up, one trial, down; then the report.

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
from bench.errors import BenchError
from bench.progress import Terminal
from bench.scenario.model import Scenario
from bench.store.folder import MANIFEST, RunFolder, write_json
from bench.store.manifest import machine_facts, package_versions
from bench.targets.launch import Launcher, Running, up_command
from bench.trial.run import Bench, run_trial


@dataclass(frozen=True, slots=True)
class Request:
    """What a run is asked to do."""

    scenario: Scenario
    targets: Sequence[str]
    out: Path
    seed: int


async def run_all(request: Request, terminal: Terminal) -> RunFolder:
    """Measure every target and return the run's folder, without a report yet."""
    for name in request.targets:
        up_command(name, Path("."))  # an unknown name is refused before anything starts
    folder = RunFolder.create(request.out, request.scenario.name)
    scenario_file = folder.path / "scenario.toml"
    scenario_file.write_text(request.scenario.source, encoding="utf-8")
    manifest = _manifest(request, folder)
    write_json(folder.path / MANIFEST, manifest)
    try:
        for number, name in enumerate(request.targets, 1):
            terminal.prefix = f"{number}/{len(request.targets)} {name}: "
            await _run_target(request, folder, name, terminal)
    finally:
        terminal.prefix = ""
        manifest["ended_at"] = time.time()
        write_json(folder.path / MANIFEST, manifest)
    return folder


async def _run_target(
    request: Request, folder: RunFolder, name: str, terminal: Terminal
) -> None:
    """One target from start to gone; its failure is a result, not an end."""
    target_folder = folder.target(name)
    facts: dict[str, Any] = {"name": name, "missing": None, "descriptor": None}
    launcher = Launcher(name, target_folder)
    terminal("starting")
    began_s = time.monotonic()
    try:
        running = await launcher.start()
        facts["start_s"] = time.monotonic() - began_s
        facts["descriptor"] = running.descriptor.as_json()
        terminal.say(f"serves after {facts['start_s']:.1f} s")
        await _one_trial(request, folder, running, terminal)
    except (BenchError, OSError) as error:
        facts["missing"] = str(error)
        terminal.say(f"could not be measured: {error}")
    finally:
        terminal("stopping")
        await launcher.stop()
        write_json(target_folder / "target.json", facts)


async def _one_trial(
    request: Request, folder: RunFolder, running: Running, terminal: Terminal
) -> None:
    adapter = make_adapter(running.descriptor, running.folder)
    await run_trial(
        Bench(
            request.scenario,
            request.seed,
            running.descriptor,
            adapter,
            folder.trial(running.name, 1),
            terminal,
        )
    )
    terminal.say("measured and audited")


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
