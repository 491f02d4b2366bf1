"""What an operator does to a running rung: a switchover, a rolling restart.

The promise: neither loses an acknowledged order, and where the rung has a second one of
a component, neither makes anybody wait for longer than an election. A node is not
touched before the one before it is a synchronous copy again; a rung whose cluster is
not whole is left as it is, with a sentence.
Source: Patroni 4.1 documentation, "REST API" (/cluster, /switchover).
"""

import asyncio
import base64
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from central_baseline.config import Layout
from central_baseline.errors import CentralError, RefusedError, UsageError
from central_baseline.servers.patroni import OPERATOR
from central_baseline.standing import Copies
from central_baseline.supervisor.control import ask

WHOLE_TIMEOUT_S = 90.0
ANSWER_TIMEOUT_S = 60.0
POLL_S = 0.2
LOOK_TIMEOUT_S = 3.0
COPIES = {"quorum_standby", "sync_standby"}
RUNNING = {"running", "streaming"}
# In this order: nothing is restarted before what it stands on.
ROLLING = ("database", "cache", "web", "edge", "dns")

Member = dict[str, Any]


def switchover(folder: Path, to: str | None = None) -> tuple[str, str]:
    """Make `to` (or the best standby) the primary; returns (old, new)."""
    return asyncio.run(_Operator(folder).switchover(to))


async def copies_of(agents: Mapping[str, str]) -> Copies | None:
    """Primary and copies, as the first agent tells that knows a primary; None when
    none does."""
    timeout = aiohttp.ClientTimeout(total=LOOK_TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        for agent in agents.values():
            try:
                members = await _told_by(http, agent)
            except (aiohttp.ClientError, TimeoutError):
                continue
            copies = tuple(str(m["name"]) for m in members if m["role"] in COPIES)
            for member in members:
                if member["role"] == "leader":
                    return Copies(str(member["name"]), copies)
    return None


async def _told_by(http: aiohttp.ClientSession, agent: str) -> list[Member]:
    """The members that run, as one agent sees them."""
    async with http.get(f"{agent}/cluster") as reply:
        found: list[Member] = (await reply.json())["members"]
        return [member for member in found if member.get("state") in RUNNING]


def rolling_restart(folder: Path, only: list[str] | None = None) -> Iterator[str]:
    """Restart one component after the other; yields each name when it serves again."""
    operator = _Operator(folder)
    for name in operator.order(only or []):
        asyncio.run(operator.restart(name))
        yield name


class _Operator:
    def __init__(self, folder: Path) -> None:
        self._layout = Layout(folder)
        if not self._layout.is_locked():
            raise CentralError(f"nothing runs in {folder}: start it with 'central up'")
        known = json.loads(self._layout.admin.read_text())
        self._agents: dict[str, str] = known.get("agents", {})
        login = base64.b64encode(f"{OPERATOR}:{known['token']}".encode()).decode()
        self._headers = {"Authorization": f"Basic {login}"}

    def order(self, only: list[str]) -> list[str]:
        """Names in the order of their restart, an elected primary last of its kind."""
        listing = asyncio.run(ask(self._layout.control, "list"))["components"]
        roles = {entry["name"]: entry["role"] for entry in listing}
        unknown = [name for name in only if name not in roles]
        if unknown:
            raise UsageError(f"there is no {unknown[0]}; there are {', '.join(roles)}")
        if only:
            return only
        counts = Counter(roles.values())
        found = [
            name
            for role in ROLLING
            for name in roles
            # A cache is nobody's single point of failure: without it reads cost more.
            if roles[name] == role and (counts[role] > 1 or role == "cache")
        ]
        if not found:
            raise UsageError(
                "this rung has no second one of anything: a restart is an outage; "
                "name what to restart with --component"
            )
        if self._agents:
            leader = _leader(asyncio.run(self._whole()))
            found.remove(leader)
            last = max(i for i, name in enumerate(found) if name in self._agents)
            found.insert(last + 1, leader)
        return found

    async def restart(self, name: str) -> None:
        """Restart one component; a primary hands its role over first."""
        if name in self._agents and len(self._agents) > 1:
            members = await self._whole()
            if _leader(members) == name:
                await self.switchover(None)
        await ask(self._layout.control, "restart", ANSWER_TIMEOUT_S * 2, component=name)
        if self._agents:
            await self._whole()

    async def switchover(self, to: str | None) -> tuple[str, str]:
        if not self._agents:
            raise UsageError("this rung's database has no standby to switch to")
        members = await self._whole()
        leader = _leader(members)
        copies = [member["name"] for member in members if member["role"] in COPIES]
        if to is not None and to not in copies:
            raise UsageError(f"{to} cannot take over; {', '.join(copies)} can")
        body = {"leader": leader, "candidate": to or copies[0]}
        async with (
            aiohttp.ClientSession(headers=self._headers) as http,
            http.post(
                f"{self._agents[leader]}/switchover",
                json=body,
                timeout=aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S),
            ) as reply,
        ):
            said = (await reply.text()).strip()
            if reply.status != 200:
                raise RefusedError(f"{leader} refused the switchover: {said}")
        members = await self._whole()
        return leader, _leader(members)

    async def _whole(self) -> list[Member]:
        """The members, once one leads and all others are synchronous copies."""
        deadline = time.monotonic() + WHOLE_TIMEOUT_S
        timeout = aiohttp.ClientTimeout(total=LOOK_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as http:
            while True:
                members = await self._members(http)
                roles = Counter(member["role"] for member in members)
                copies = sum(roles[role] for role in COPIES)
                if roles["leader"] == 1 and copies == len(self._agents) - 1:
                    return members
                if time.monotonic() > deadline:
                    seen = ", ".join(f"{m['name']} {m['role']}" for m in members)
                    raise RefusedError(
                        f"the cluster is not whole ({seen or 'nobody answers'}): see "
                        f"'central status' and {self._layout.logs}"
                    )
                await asyncio.sleep(POLL_S)

    async def _members(self, http: aiohttp.ClientSession) -> list[Member]:
        for agent in self._agents.values():
            try:
                return await _told_by(http, agent)
            except (aiohttp.ClientError, TimeoutError):
                continue
        return []


def _leader(members: list[Member]) -> str:
    return next(str(m["name"]) for m in members if m["role"] == "leader")
