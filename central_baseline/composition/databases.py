"""The database part of a rung: one PostgreSQL, or a cluster that elects.

Whichever it is, the web tier sees a `DatabasePart`: where to write, where it may read,
and what must run beside each app server to get there.
"""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import asyncpg

from central_baseline.composition.detection import Detection
from central_baseline.config import MAX_REPLICAS, Layout, Secrets, Settings
from central_baseline.db.migrations import migrate
from central_baseline.errors import StartError, UsageError
from central_baseline.rungs import DatabaseSize, Rung
from central_baseline.servers.database_proxy import DatabaseProxy
from central_baseline.servers.patroni import (
    Cluster,
    ClusterSecrets,
    NodePlace,
    PatroniServer,
    find_primary,
    hold_to_settings,
)
from central_baseline.servers.ports import LOOPBACK, free_ports
from central_baseline.servers.postgres import (
    DATABASE,
    SUPERUSER,
    Passwords,
    PostgresPlace,
    PostgresServer,
    PostgresSize,
    create_database,
)
from central_baseline.supervisor.component import Component
from central_baseline.supervisor.server import Server

ONE_COPY = (
    "acknowledged means committed by one PostgreSQL with fsync and synchronous_commit "
    "on: it survives the death of every process, not the loss of the disk"
)
TWO_COPIES = (
    "acknowledged means flushed to disk by the primary and by at least one of {n} "
    "standbys (PostgreSQL synchronous quorum under Patroni, strict): it survives the "
    "death of every process and the loss of any one node"
)
SETUP_TIMEOUT_S = 60.0
SETUP_POLL_S = 0.2
ETCD_SETTING = "CHANDLERY_ETCD_HOSTS"


@dataclass(frozen=True)
class Access:
    """How one app server reaches the database, and what runs beside it for that."""

    primary_dsn: str
    beside: list[Server] = field(default_factory=list)


@dataclass
class DatabasePart:
    """What the rest of a rung needs to know of its database."""

    servers: list[Server]  # of a single database, in the order of their start
    components: list[Component]  # empty where the database is part of another one
    addresses: dict[str, str]  # by component, for the links
    audit_dsn: str
    durability: str
    access: Callable[[str], Access]  # by the app server's name
    replica_dsns: tuple[str, ...] = ()
    agents: dict[str, str] = field(default_factory=dict)  # a node's Patroni


def one_database(
    rung: Rung, layout: Layout, secrets: Secrets, cores: frozenset[int] | None
) -> DatabasePart:
    """A single PostgreSQL."""
    place = PostgresPlace(
        layout.folder / "database", layout.log("database"), LOOPBACK, free_ports(1)[0]
    )
    passwords = Passwords(secrets.superuser, secrets.shop, secrets.auditor)
    server = PostgresServer(place, passwords, _size(rung.database), cores)
    access = Access(place.dsn("shop", secrets.shop))
    component = Component("database", "database", [server])
    return DatabasePart(
        servers=[server],
        components=[component],
        addresses={"database": f"{place.host}:{place.port}"},
        audit_dsn=place.dsn("auditor", secrets.auditor),
        durability=ONE_COPY,
        access=lambda app: access,
    )


def elected_cluster(
    rung: Rung,
    layout: Layout,
    secrets: Secrets,
    settings: Settings,
    detection: Detection,
) -> DatabasePart:
    """A primary and standbys under Patroni, and a proxy beside each app server."""
    replicas = settings.replicas if settings.replicas is not None else rung.replicas
    if not 2 <= replicas <= MAX_REPLICAS:
        raise UsageError(
            f"--replicas must be between 2 and {MAX_REPLICAS}: with fewer, the loss of "
            "one node leaves no majority to elect"
        )
    nodes = _places(layout, replicas + 1)
    cluster = Cluster(
        nodes,
        ClusterSecrets(
            secrets.superuser,
            secrets.replication,
            secrets.rewind,
            secrets.admin_token,
        ),
        _size(rung.database),
        _etcd_hosts(settings.dcs),
        lease_s=detection.lease_s,
        silence_s=detection.silence_s,
    )
    passwords = Passwords(secrets.superuser, secrets.shop, secrets.auditor)
    setup = ClusterSetup(cluster, passwords)

    def access(app: str) -> Access:
        port, health_port = free_ports(2)
        proxy = DatabaseProxy(
            layout.run / f"{app}-proxy",
            layout.log(f"{app}-proxy"),
            (port, health_port),
            nodes,
            detection.proxy,
        )
        dsn = f"postgresql://shop:{secrets.shop}@{LOOPBACK}:{port}/{DATABASE}"
        return Access(dsn, [proxy])

    return DatabasePart(
        servers=[],
        components=[
            Component(
                node.name, "database", [PatroniServer(node, cluster, setup.ensure)]
            )
            for node in nodes
        ],
        addresses={node.name: node.postgres for node in nodes},
        audit_dsn=_dsn(nodes, "auditor", secrets.auditor)
        + "?target_session_attrs=read-write",
        durability=TWO_COPIES.format(n=replicas),
        access=access,
        replica_dsns=tuple(_dsn([node], "shop", secrets.shop) for node in nodes),
        agents={node.name: f"http://{node.host}:{node.rest_port}" for node in nodes},
    )


class ClusterSetup:
    """Roles, database and schema, made once on whichever node is the primary; and the
    cluster's own settings, which it keeps since its first start, made those of now."""

    def __init__(self, cluster: Cluster, passwords: Passwords) -> None:
        self._cluster = cluster
        self._nodes = cluster.nodes
        self._passwords = passwords
        self._busy = asyncio.Lock()
        self._done = False

    async def ensure(self) -> None:
        """Return when it is done; StartError when no primary let it be done."""
        async with self._busy:
            deadline = time.monotonic() + SETUP_TIMEOUT_S
            while not self._done:
                try:
                    await self._on_primary()
                except (OSError, TimeoutError, asyncpg.PostgresError) as error:
                    # A primary that is stepping down or only just stepping up.
                    if time.monotonic() > deadline:
                        raise StartError(
                            f"the cluster has no primary: {error}"
                        ) from error
                    await asyncio.sleep(SETUP_POLL_S)

    async def _on_primary(self) -> None:
        node = await find_primary(self._nodes)
        if node is None:
            raise ConnectionRefusedError("no node says that it is the primary")
        password = self._passwords.superuser
        await create_database(
            _dsn([node], SUPERUSER, password, "postgres"), self._passwords
        )
        await migrate(_dsn([node], SUPERUSER, password))
        await hold_to_settings(node, self._cluster)
        self._done = True


def _places(layout: Layout, count: int) -> list[NodePlace]:
    places = []
    for number in range(1, count + 1):
        name = f"db{number}"
        # The cluster's own state names these ports, so they stay.
        postgres, rest, raft = layout.kept_ports(name, 3)
        folder = layout.folder / name
        log = layout.log(name)
        places.append(NodePlace(name, folder, log, LOOPBACK, postgres, rest, raft))
    return places


def _etcd_hosts(dcs: str) -> tuple[str, ...]:
    if dcs == "raft":
        return ()
    if dcs != "etcd3":
        raise UsageError(f"--dcs is raft or etcd3, not '{dcs}'")
    hosts = tuple(filter(None, os.environ.get(ETCD_SETTING, "").split(",")))
    if not hosts:
        raise UsageError(f"--dcs etcd3 needs {ETCD_SETTING}=host:port[,host:port...]")
    return hosts


def _dsn(
    nodes: Sequence[NodePlace], role: str, password: str, database: str = DATABASE
) -> str:
    places = ",".join(node.postgres for node in nodes)
    return f"postgresql://{role}:{password}@{places}/{database}"


def _size(size: DatabaseSize) -> PostgresSize:
    return PostgresSize(
        size.shared_buffers_mb,
        size.max_connections,
        size.work_mem_mb,
        size.wal_buffers_mb,
    )
