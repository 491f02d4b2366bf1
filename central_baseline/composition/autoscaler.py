"""More app servers when shoppers come, fewer when they have gone.

The shape of the Kubernetes HorizontalPodAutoscaler: wanted = ceil(servers x load per
server / target), nothing within a tolerance, out at once (at most doubling), in only to
the most that was wanted within a stabilization window. The load is HAProxy's own
figure: requests under way at its servers and in its queue, averaged over a window.
Deciding is pure; `Autoscaler` reads the figures, scales, and keeps the bill of
server-seconds.
Source: kubernetes.io, "Horizontal Pod Autoscaling", algorithm details.
"""

import json
import math
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from central_baseline.servers.haproxy import BACKEND, Runtime
from central_baseline.supervisor.plan import Fleet, Scaler

ROLE = "web"


@dataclass(frozen=True)
class ScalingRule:
    """When to scale. Loads are requests under way per server."""

    fewest: int
    most: int
    target: float = 3.0
    tolerance: float = 0.1
    window_s: float = 3.0  # loads are averaged over it
    stabilization_s: float = 30.0  # servers stay at least so long after the need


class Decider:
    """The decision, without clock and without servers."""

    def __init__(self, rule: ScalingRule) -> None:
        self._rule = rule
        self._loads: deque[tuple[float, float]] = deque()
        self._wanted: deque[tuple[float, int]] = deque()

    def decide(self, now_s: float, servers: int, load: float) -> int:
        """How many servers there should be, `load` being all requests under way."""
        rule = self._rule
        self._loads.append((now_s, load))
        _drop_before(self._loads, now_s - rule.window_s)
        average = sum(value for _, value in self._loads) / len(self._loads)
        ratio = average / servers / rule.target
        wanted = servers
        if abs(ratio - 1.0) > rule.tolerance:
            wanted = math.ceil(servers * ratio)
        wanted = min(max(wanted, rule.fewest), rule.most)
        self._wanted.append((now_s, wanted))
        _drop_before(self._wanted, now_s - rule.stabilization_s)
        if wanted > servers:
            return min(wanted, servers * 2)
        return min(servers, max(count for _, count in self._wanted))


def _drop_before(
    entries: deque[tuple[float, float]] | deque[tuple[float, int]], start_s: float
) -> None:
    while entries and entries[0][0] < start_s:
        entries.popleft()


def load_of(stats: Sequence[Mapping[str, str]]) -> tuple[int, int]:
    """(servers in rotation, requests under way or queued) by `show stat`."""
    rows = [row for row in stats if row["pxname"] == BACKEND]
    servers = [row for row in rows if row["svname"] != "BACKEND"]
    up = [row for row in servers if row["status"].startswith("UP")]
    total = next(row for row in rows if row["svname"] == "BACKEND")
    under_way = sum(int(row["scur"] or 0) for row in servers)
    return len(up), under_way + int(total["qcur"] or 0)


class Autoscaler:
    """One look, one decision, one line in the bill; called again and again."""

    def __init__(
        self, rule: ScalingRule, balancer: Runtime, scaler: Scaler, bill: Path
    ) -> None:
        self._decider = Decider(rule)
        self._balancer = balancer
        self._scaler = scaler
        self._bill = bill
        self._server_seconds = 0.0
        self._looked_at: float | None = None

    async def look(self, fleet: Fleet) -> None:
        """Scale if it is time; StartError when the balancer does not answer."""
        now_s = time.monotonic()
        count = sum(c.role == ROLE for c in fleet.components.values())
        if self._looked_at is not None:
            self._server_seconds += count * (now_s - self._looked_at)
        self._looked_at = now_s
        _, load = load_of(await self._balancer.stats())
        wanted = self._decider.decide(now_s, count, load)
        if wanted != count:
            self._note(count, wanted, load)
            await self._scaler.scale(fleet, wanted)

    def _note(self, count: int, wanted: int, load: int) -> None:
        line = {
            "at": time.time(),
            "servers": count,
            "wanted": wanted,
            "load": load,
            "server_seconds": round(self._server_seconds, 3),
        }
        with self._bill.open("a") as file:
            file.write(json.dumps(line) + "\n")
