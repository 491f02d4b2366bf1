"""Runs as a whole: begun, gone on with, or done again as a manifest says."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.campaign.run import Campaign
from bench.campaign.state import SCENARIO, new_manifest, open_again
from bench.load.calibration import calibrate
from bench.progress import Terminal
from bench.scenario.model import Scenario
from bench.store.folder import MANIFEST, RunFolder, write_json
from bench.targets.remote import with_accounts
from bench.targets.spec import parse_targets


@dataclass(frozen=True, slots=True)
class Request:
    """What a run is asked to do. `accounts` names a file of funded accounts for
    chains that run elsewhere."""

    scenario: Scenario
    targets: Sequence[str]
    out: Path
    seed: int
    accounts: str = ""


async def run_all(request: Request, terminal: Terminal) -> RunFolder:
    """Measure every target and return the run's folder, without a report yet."""
    # Unknown names are refused before anything starts.
    specs = with_accounts(parse_targets(tuple(request.targets)), request.accounts)
    folder = RunFolder.create(request.out, request.scenario.name)
    source = request.scenario.source
    (folder.path / SCENARIO).write_text(source, encoding="utf-8")
    manifest = new_manifest(request.scenario, specs, request.seed, folder)
    manifest["accounts"] = request.accounts
    terminal("calibrating the load generator")
    manifest["calibration"] = asdict(await calibrate())
    write_json(folder.path / MANIFEST, manifest)
    await Campaign(request.scenario, specs, folder, manifest, terminal).run()
    return folder


async def resume(path: Path, terminal: Terminal) -> RunFolder:
    """Go on with a run that was stopped."""
    folder, scenario, manifest = open_again(path)
    texts = tuple(manifest["target_texts"])
    specs = with_accounts(parse_targets(texts), manifest.get("accounts", ""))
    write_json(folder.path / MANIFEST, manifest)
    await Campaign(scenario, specs, folder, manifest, terminal).run()
    return folder


def run_loop(main: Any) -> Any:
    """Run a coroutine on uvloop where it is to be had, on asyncio elsewhere."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)
