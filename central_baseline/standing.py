"""What the state of a rung means for its shoppers: the sentences below `status`.

Pure: from components and their states to what is served now, what one more death would
stop, and what a stop waits for. The promise: no sentence tells of anything better than
it is; a rung whose everything runs gets none.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from central_baseline.db.reading import ELECTION_S
from central_baseline.servers.patroni import LEASE_S


@dataclass(frozen=True)
class Copies:
    """A cluster as its agents tell it: who leads, and who has every acknowledged
    order besides (any one of them is enough for the next)."""

    primary: str | None
    synchronous: tuple[str, ...]


def meaning(
    components: Sequence[Mapping[str, Any]], copies: Copies | None = None
) -> list[str]:
    """Sentences on whatever does not run, and on copies that are missing; `components`
    as the control socket lists them."""
    roles: dict[str, dict[str, bool]] = defaultdict(dict)
    for entry in components:
        runs = entry["state"] == "running"
        roles[str(entry["role"])][str(entry["name"])] = runs
    found: list[str] = []
    for role, say in _SENTENCES.items():
        members = roles.get(role, {})
        dead = [name for name, runs in members.items() if not runs]
        if dead:
            found += say(dead, members, "edge" in roles)
    nodes = roles.get("database", {})
    if len(nodes) > 1:
        found += _cluster(nodes, copies)
    return found


Members = Mapping[str, bool]


def _server(dead: list[str], members: Members, has_edges: bool) -> list[str]:
    return [f"nothing is served until {dead[0]} is back"]


def _balancer(dead: list[str], members: Members, has_edges: bool) -> list[str]:
    left = "nothing but the static files that edges keep" if has_edges else "nothing"
    return [f"{left} is served until {dead[0]} is back"]


def _web(dead: list[str], members: Members, has_edges: bool) -> list[str]:
    if len(dead) == len(members):
        return [f"nothing is served until one of {_listed(dead)} is back"]
    return [f"{_listed(dead)} missing: the other app servers serve everything"]


def _database(dead: list[str], members: Members, has_edges: bool) -> list[str]:
    if len(members) > 1:
        return []  # a cluster: see there
    return [f"no order is taken or read until {dead[0]} is back; none is lost"]


def _cache(dead: list[str], members: Members, has_edges: bool) -> list[str]:
    return [f"without {dead[0]} every read asks the database: slower, nothing missing"]


def _edge(dead: list[str], members: Members, has_edges: bool) -> list[str]:
    if len(dead) == len(members):
        return ["without an edge the shop's name leads to the origin itself"]
    return [f"shoppers near {_listed(dead)} are sent to the next nearest edge"]


def _dns(dead: list[str], members: Members, has_edges: bool) -> list[str]:
    if len(dead) == len(members):
        return ["nobody answers for the shop's name; its addresses still serve"]
    return [f"without {_listed(dead)} the other name server answers"]


_SENTENCES = {
    "server": _server,
    "balancer": _balancer,
    "web": _web,
    "database": _database,
    "cache": _cache,
    "edge": _edge,
    "dns": _dns,
}


def _cluster(nodes: Members, copies: Copies | None) -> list[str]:
    """A purchase needs a primary, which a majority elects, and one copy of it."""
    alive = [name for name, runs in nodes.items() if runs]
    needed = len(nodes) // 2 + 1
    if len(alive) < needed:
        return [
            f"{len(alive)} of {len(nodes)} database nodes run and an order needs "
            f"{needed}: none is taken until more are back, nothing acknowledged is "
            f"lost, and reads end {ELECTION_S:.0f} s after the primary did"
        ]
    if copies is None or copies.primary is None or not nodes.get(copies.primary):
        return [
            "no primary: a standby takes over, of a dead node once its lease is over "
            f"({LEASE_S} s); until then no order is taken, and reads go on"
        ]
    standing = [name for name in copies.synchronous if nodes.get(name)]
    if not standing:
        return [
            f"no standby is known as a copy of {copies.primary} yet: an order waits "
            "until one has it"
        ]
    found = []
    if len(alive) == needed:
        found.append(
            f"everything is served by {_listed(alive)}; one more dead database node "
            "stops orders until one is back"
        )
    behind = [n for n in alive if n != copies.primary and n not in copies.synchronous]
    if behind:
        found.append(f"{_listed(behind)} has yet to catch up before it is a copy")
    return found


def _listed(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
