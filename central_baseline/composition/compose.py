"""Composing a rung: database part, web part, what stands before them.

Public is what the endpoints name; everything else is bound to private addresses.
"""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib.metadata import version

import asyncpg

from central_baseline.composition.autoscaler import Autoscaler, ScalingRule
from central_baseline.composition.databases import (
    DatabasePart,
    elected_cluster,
    one_database,
)
from central_baseline.composition.detection import detection_for
from central_baseline.composition.edges import EdgePart, edge_part
from central_baseline.composition.existing import (
    existing_database,
    look_at,
    make_ready,
)
from central_baseline.composition.webtier import (
    BalancedTier,
    WebTier,
    balanced_tier,
)
from central_baseline.config import MAX_SERVERS, Layout, Secrets, Settings
from central_baseline.errors import StartError, UsageError
from central_baseline.rungs import Rung, check_has_one_database, rung_named
from central_baseline.servers.binaries import (
    HAPROXY,
    NGINX,
    POSTGRES,
    VALKEY,
    find,
    version_of,
)
from central_baseline.servers.ports import LOOPBACK, claim_port
from central_baseline.servers.postgres import Passwords
from central_baseline.servers.valkey import ValkeyServer
from central_baseline.supervisor.component import Component
from central_baseline.supervisor.plan import Endpoint, Fleet, Link, Plan, Scaler

Duty = Callable[[Fleet], Awaitable[None]]


def compose(settings: Settings, layout: Layout) -> Plan:
    """The plan of one `up`; nothing is started."""
    rung = rung_named(settings.rung)
    secrets = layout.secrets()
    port = claim_port(settings.port)
    software = _software(settings, rung)
    detection = detection_for(rung, settings.detection_s)
    if said := detection.said_of(rung):
        software["failure detection"] = said
    if settings.database_dsn is not None:
        check_has_one_database(rung)
        database = existing_database(settings.database_dsn, secrets)
    elif rung.replicas:
        database = elected_cluster(rung, layout, secrets, settings, detection)
    else:
        cores = _core(0 if rung.together else 1) if rung.database.pinned else None
        database = one_database(rung, layout, secrets, cores)
    web_cores = _core(0) if rung.web.pinned else None
    cache = _cache(layout) if rung.cached else None
    socket = str(cache.socket) if cache is not None else None
    tier = WebTier(rung, layout, secrets, database, web_cores, socket, detection)
    shape = _shape(settings, rung, tier, port)
    if cache is not None:
        shape.lanes.append([[Component("cache", "cache", [cache])]])
    endpoints = [Endpoint(f"http://{LOOPBACK}:{port}", shape.entrance)]
    edges = EdgePart()
    if rung.regions:
        edges = edge_part(layout, rung.regions, port, detection)
        shape.lanes.append([edges.edges, edges.name_servers])
    return Plan(
        rung=rung.name,
        lanes=shape.lanes,
        endpoints=endpoints + edges.endpoints,
        links=shape.links + edges.links,
        durability=database.durability,
        software=software,
        scalers=shape.scalers,
        background=shape.duties,
        before=lambda: _make_ready(settings, secrets, software),
        is_serving=tier.is_serving,
        admin={
            "token": secrets.admin_token,
            "urls": tier.admin_urls,
            "dsn": database.audit_dsn,
            **({"agents": database.agents} if database.agents else {}),
            **({"dns": edges.addresses} if rung.regions else {}),
        },
    )


@dataclass
class _Shape:
    """How a rung's parts stand to each other."""

    lanes: list[list[list[Component]]]
    entrance: str  # the component that shoppers reach
    links: list[Link]
    scalers: dict[str, Scaler]
    duties: list[Duty] = field(default_factory=list)


def _shape(settings: Settings, rung: Rung, tier: WebTier, port: int) -> _Shape:
    database = tier.database
    if rung.together:
        servers = [*database.servers, *tier.servers("server", port)]
        return _Shape([[[Component("server", "server", servers)]]], "server", [], {})
    if not rung.balanced:
        app = tier.component("app1", port)
        links = _database_links([app], database)
        return _Shape([[database.components], [[app]]], "app1", links, {})
    count = settings.servers if settings.servers is not None else rung.servers
    balanced = balanced_tier(tier, count, port)
    links = [Link("balancer", name, at) for name, at in balanced.members.items()]
    return _Shape(
        [[database.components], [balanced.apps, [balanced.balancer]]],
        "balancer",
        links + _database_links(balanced.apps, database),
        {"web": balanced.scaler},
        _duties(settings, count, balanced, tier.layout),
    )


def _cache(layout: Layout) -> ValkeyServer:
    return ValkeyServer(layout.run / "cache", layout.log("cache"))


def _duties(
    settings: Settings, count: int, balanced: BalancedTier, layout: Layout
) -> list[Duty]:
    if settings.autoscale is None:
        return []
    if not count <= settings.autoscale <= MAX_SERVERS:
        raise UsageError(
            f"--autoscale must be between the {count} servers to start with and "
            f"{MAX_SERVERS}"
        )
    rule = ScalingRule(count, settings.autoscale)
    bill = layout.log("server-hours")
    return [Autoscaler(rule, balanced.runtime, balanced.scaler, bill).look]


def _database_links(apps: list[Component], database: DatabasePart) -> list[Link]:
    return [
        Link(app.name, name, at)
        for app in apps
        for name, at in database.addresses.items()
    ]


async def _make_ready(
    settings: Settings, secrets: Secrets, software: dict[str, str]
) -> None:
    """An existing database becomes the shop's; its version is only known then."""
    if settings.database_dsn is None:
        return
    try:
        software["postgresql"] = await look_at(settings.database_dsn)
        passwords = Passwords(secrets.superuser, secrets.shop, secrets.auditor)
        await make_ready(settings.database_dsn, passwords)
    except (OSError, asyncpg.PostgresError) as error:
        raise StartError(f"the existing database cannot be used: {error}") from error


def _software(settings: Settings, rung: Rung) -> dict[str, str]:
    found = {}
    if settings.database_dsn is None:
        found["postgresql"] = version_of(find(POSTGRES))
    if rung.replicas:
        found["patroni"] = version("patroni")
    if rung.cached:
        found["valkey"] = version_of(find(VALKEY))
    if rung.regions:
        found["nginx"] = version_of(find(NGINX))
    if rung.balanced:
        found["haproxy"] = version_of(find(HAPROXY))
    return found


def _core(number: int) -> frozenset[int]:
    cores = sorted(os.sched_getaffinity(0))
    return frozenset({cores[number % len(cores)]})
