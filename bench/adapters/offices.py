"""Who holds an office right now: the primary of a database cluster, by its own word.

A descriptor names components and what they are for; which of several databases is the
primary changes while it runs. Each node's agent says so over HTTP (Patroni's REST API:
200 on `/primary` from the holder of the lease alone); their addresses are in the
rung's admin.json.
"""

import json
from pathlib import Path

import aiohttp

from bench.faults.injector import Locate

ASK_TIMEOUT_S = 2.0


def make_locator(folder: Path) -> Locate | None:
    """A function that finds office holders; None for a target without offices."""
    try:
        agents = json.loads((folder / "admin.json").read_text()).get("agents")
    except (OSError, ValueError):
        return None
    if not agents:
        return None

    async def locate(role: str) -> str | None:
        return await _primary(agents) if role == "primary" else None

    return locate


async def _primary(agents: dict[str, str]) -> str | None:
    timeout = aiohttp.ClientTimeout(total=ASK_TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        for name, url in agents.items():
            try:
                async with session.get(f"{url}/primary") as answer:
                    if answer.status == 200:
                        return name
            except (aiohttp.ClientError, TimeoutError):
                continue
    return None
