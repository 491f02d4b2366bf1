"""More or fewer app servers behind a running balancer, without an error.

Out: the server is started first, then enters the balancer. In: the balancer stops
sending to it and lets it finish, then it is stopped. The newest goes first.
"""

import asyncio
import re
from collections.abc import Callable

from central_baseline.config import MAX_SERVERS
from central_baseline.errors import UsageError
from central_baseline.servers.haproxy import Runtime
from central_baseline.servers.ports import LOOPBACK, free_ports
from central_baseline.supervisor.component import Component
from central_baseline.supervisor.plan import Fleet

NAME = re.compile(r"app(\d+)")

MakeServer = Callable[[str, int], Component]


class WebScaler:
    """Scales the role `web`; one change at a time."""

    def __init__(
        self, members: dict[str, str], balancer: Runtime, make: MakeServer
    ) -> None:
        """`members` is what the balancer is configured from when it restarts."""
        self._members = members
        self._balancer = balancer
        self._make = make
        self._busy = asyncio.Lock()

    async def scale(self, fleet: Fleet, count: int) -> None:
        """Return when `count` app servers are in rotation."""
        if not 1 <= count <= MAX_SERVERS:
            raise UsageError(f"between 1 and {MAX_SERVERS} app servers, not {count}")
        async with self._busy:
            while len(self._members) < count:
                await self._add(fleet)
            while len(self._members) > count:
                await self._remove(fleet)

    async def _add(self, fleet: Fleet) -> None:
        taken = {number_of(name) for name in self._members}
        name = f"app{min(set(range(1, MAX_SERVERS + 2)) - taken)}"
        port = free_ports(1)[0]
        component = self._make(name, port)
        fleet.adopt(component)
        try:
            await component.start()
            await self._balancer.add_server(name, f"{LOOPBACK}:{port}")
        except Exception:
            # Whatever failed, a server outside the rotation must not stay behind.
            await fleet.discard(name)
            raise
        self._members[name] = f"{LOOPBACK}:{port}"

    async def _remove(self, fleet: Fleet) -> None:
        name = max(self._members, key=number_of)
        await self._balancer.remove_server(name)
        del self._members[name]
        await fleet.discard(name)


def number_of(name: str) -> int:
    """3 of app3."""
    match = NAME.fullmatch(name)
    return int(match[1]) if match else 0
