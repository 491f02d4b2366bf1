"""Runs as a whole: begun, gone on with, or done again as a manifest says."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.campaign.run import Campaign
from bench.campaign.state import SCENARIO, new_manifest, open_again
from bench.crew.cluster import open_crew
from bench.crew.wish import CrewWish, same_crew
from bench.load.calibration import calibrate
from bench.progress import Terminal
from bench.scenario.model import Scenario
from bench.store.folder import RunFolder
from bench.targets.remote import with_accounts
from bench.targets.spec import parse_targets


@dataclass(frozen=True, slots=True)
class Request:
    """What a run is asked to do. `accounts` names a file of funded accounts for
    chains that run elsewhere; `crew` asks for load from more than this process."""

    scenario: Scenario
    targets: Sequence[str]
    out: Path
    seed: int
    accounts: str = ""
    crew: CrewWish | None = None


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
    manifest["calibration"] = asdict(await calibrate(request.scenario.client))
    campaign = Campaign(request.scenario, specs, folder, manifest, terminal)
    await _with_crew(campaign, request.crew, manifest)
    return folder


async def resume(
    path: Path, terminal: Terminal, crew: CrewWish | None = None
) -> RunFolder:
    """Go on with a run that was stopped; `crew` says where its generators are now, if
    it had some elsewhere."""
    folder, scenario, manifest = open_again(path)
    texts = tuple(manifest["target_texts"])
    specs = with_accounts(parse_targets(texts), manifest.get("accounts", ""))
    wish = same_crew(manifest.get("generators"), crew)
    campaign = Campaign(scenario, specs, folder, manifest, terminal)
    await _with_crew(campaign, wish, manifest)
    return folder


async def _with_crew(
    campaign: Campaign, wish: CrewWish | None, manifest: dict[str, Any]
) -> None:
    """Run a campaign; a crew is there for as long as it runs."""
    if wish is None:
        campaign.save()
        await campaign.run()
        return
    async with open_crew(wish) as crew:
        manifest["generators"] = wish.recorded(len(crew))
        campaign.save()
        await campaign.run(crew)


def run_loop(main: Any) -> Any:
    """Run a coroutine on uvloop where it is to be had, on asyncio elsewhere."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)
