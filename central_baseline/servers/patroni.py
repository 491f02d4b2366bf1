"""One database node under Patroni: PostgreSQL, its agent, the elected role.

The promise: a write is acknowledged once the primary and a quorum of one standby have
it on disk (`synchronous_mode: quorum`, strict: with no standby left, writes wait).
Patroni alone starts, promotes and rewinds PostgreSQL; the supervisor keeps Patroni. The
store of the lease is a setting: Raft among the nodes themselves (no further server;
deprecated upstream), or an etcd that exists already.
Source: Patroni 4.1 documentation, "YAML configuration", "Replication modes".
"""

import asyncio
import base64
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from central_baseline.servers.binaries import POSTGRES, find
from central_baseline.servers.postgres import (
    SUPERUSER,
    SYNC_METHOD,
    PostgresSize,
    common_settings,
)
from central_baseline.servers.probes import http_status
from central_baseline.supervisor.accounts import server_account
from central_baseline.supervisor.processes import Command
from central_baseline.supervisor.server import RunJob

SCOPE = "shop"
# Patroni takes no shorter lease; a node that dies whole is replaced after it.
LEASE_S = 20
SILENCE_S = 5.0  # after which primary and standby take each other for gone
LOOP_S = 1
RETRY_S = 3
PATCH_TIMEOUT_S = 5.0
REPLICATION = "replicator"
REWIND = "rewinder"
OWN_PASSWORD_FILE = "pgpass"
OPERATOR = "operator"
AGENT = (sys.executable, "-m", "central_baseline.servers.agent")


@dataclass(frozen=True)
class NodePlace:
    """Where one node lives."""

    name: str
    folder: Path
    log: Path
    host: str
    postgres_port: int
    rest_port: int
    raft_port: int
    listen: str = ""  # where `host` is a name that others reach it by

    @property
    def raft(self) -> str:
        return f"{self.host}:{self.raft_port}"

    @property
    def bind(self) -> str:
        return self.listen or self.host

    @property
    def postgres(self) -> str:
        return f"{self.host}:{self.postgres_port}"


@dataclass(frozen=True)
class ClusterSecrets:
    """Passwords of the three roles that Patroni itself uses."""

    superuser: str
    replication: str
    rewind: str
    operator: str = ""  # may switch over and restart; empty: nobody may by HTTP
    raft: str = ""  # encrypts what the agents say to each other; empty: loopback


@dataclass(frozen=True)
class Cluster:
    """What all nodes of a cluster share."""

    nodes: Sequence[NodePlace]
    secrets: ClusterSecrets
    size: PostgresSize
    etcd_hosts: tuple[str, ...] = ()  # empty: Raft among the nodes
    clients: str = "127.0.0.0/8"  # from where roles may log in, in the words of pg_hba
    lease_s: int = LEASE_S
    silence_s: float = SILENCE_S


OnFormed = Callable[[], Awaitable[None]]


async def find_primary(nodes: Sequence[NodePlace]) -> NodePlace | None:
    """The node whose agent says that it is the primary now."""
    for node in nodes:
        if await http_status(node.host, node.rest_port, "/primary") == 200:
            return node
    return None


async def hold_to_settings(node: NodePlace, cluster: Cluster) -> None:
    """Make what the cluster keeps of its own settings those of `cluster`; OSError when
    the node's agent does not take them."""
    await asyncio.to_thread(_patch_config, node, cluster)


def _patch_config(node: NodePlace, cluster: Cluster) -> None:
    word = f"{OPERATOR}:{cluster.secrets.operator}".encode()
    headers = {"Authorization": f"Basic {base64.b64encode(word).decode()}"}
    connection = HTTPConnection(node.host, node.rest_port, timeout=PATCH_TIMEOUT_S)
    try:
        text = json.dumps(cluster_settings(cluster))
        connection.request("PATCH", "/config", text, headers)
        reply = connection.getresponse()
        said = reply.read().decode(errors="replace")
    except HTTPException as error:
        raise OSError(f"the agent of {node.name} does not answer: {error}") from error
    finally:
        connection.close()
    if reply.status != HTTPStatus.OK:
        raise OSError(f"the agent of {node.name} refused its settings: {said[:200]}")


class PatroniServer:
    """Patroni, and below it PostgreSQL, of one node."""

    name = "patroni"
    stop_signal = signal.SIGTERM  # stops PostgreSQL and gives the lease back
    start_timeout_s = 90.0

    def __init__(self, place: NodePlace, cluster: Cluster, on_formed: OnFormed):
        """`on_formed` is awaited each time the node has come up."""
        self._place = place
        self._cluster = cluster
        self._on_formed = on_formed
        self._account = server_account(find(POSTGRES))
        self._formed = False

    @property
    def address(self) -> str:
        return self._place.postgres

    async def prepare(self, run: RunJob) -> None:
        """Write the configuration (0600, it holds passwords)."""
        folder = self._place.folder
        folder.mkdir(parents=True, exist_ok=True)
        self._account.own(folder)
        path = folder / "patroni.json"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(patroni_config(self._place, self._cluster), file, indent=2)
        self._account.own(path)

    def command(self) -> Command:
        argv = (*AGENT, str(self._place.folder / "patroni.json"))
        return Command(
            argv,
            cwd=self._place.folder,
            env={"HOME": str(self._place.folder)},
            account=self._account,
            log=self._place.log,
        )

    async def is_ready(self) -> bool:
        """At first: it has its role in the cluster. Later: the agent answers.

        A node that comes back may have to wait for an election or a rewind; that is
        Patroni's business, and no reason to start it anew.
        """
        if not self._formed:
            # One question for both roles: answering costs a node that is starting.
            self._formed = await self._says("/readiness")
            return self._formed
        return await self._says("/liveness")

    async def after_ready(self) -> None:
        await self._on_formed()

    async def _says(self, path: str) -> bool:
        place = self._place
        return await http_status(place.host, place.rest_port, path) == 200


def patroni_config(place: NodePlace, cluster: Cluster) -> dict[str, Any]:
    """Patroni's configuration of one node. JSON is YAML."""
    secrets = cluster.secrets
    return {
        "scope": SCOPE,
        "name": place.name,
        "log": {"level": "WARNING", "format": "%(asctime)s %(levelname)s %(message)s"},
        "restapi": {
            "listen": f"{place.bind}:{place.rest_port}",
            "connect_address": f"{place.host}:{place.rest_port}",
            # Looking is free; what changes something asks for the operator's word.
            "authentication": {
                "username": OPERATOR,
                "password": secrets.operator or os.urandom(16).hex(),
            },
        },
        **_lease_store(place, cluster),
        "bootstrap": {
            "dcs": cluster_settings(cluster),
            "initdb": [
                {"encoding": "UTF8"},
                {"locale": "C"},
                "data-checksums",
                {"sync-method": SYNC_METHOD},
            ],
        },
        "postgresql": {
            "listen": f"{place.bind}:{place.postgres_port}",
            "connect_address": place.postgres,
            "data_dir": str(place.folder / "data"),
            "bin_dir": str(find(POSTGRES).resolve().parent),
            "pgpass": str(place.folder / OWN_PASSWORD_FILE),
            "authentication": {
                "superuser": _login(SUPERUSER, secrets.superuser),
                "replication": _login(REPLICATION, secrets.replication),
                "rewind": _login(REWIND, secrets.rewind),
            },
            "pg_hba": [
                f"host all all {cluster.clients} scram-sha-256",
                f"host replication all {cluster.clients} scram-sha-256",
            ],
            "parameters": {
                **common_settings(cluster.size),
                "unix_socket_directories": "",
                "wal_retrieve_retry_interval": "100ms",
                "wal_sender_timeout": f"{cluster.silence_s * 1000:.0f}ms",
                "wal_receiver_timeout": f"{cluster.silence_s * 1000:.0f}ms",
                # Waiting commits are let go by a copy's next word, also when the copy
                # that counts is another one than before.
                "wal_receiver_status_interval": "1s",
                "recovery_target_timeline": "latest",
            },
            "basebackup": {"checkpoint": "fast", "sync-method": SYNC_METHOD},
            "remove_data_directory_on_rewind_failure": True,
            "remove_data_directory_on_diverged_timelines": True,
        },
    }


def _lease_store(place: NodePlace, cluster: Cluster) -> dict[str, Any]:
    if cluster.etcd_hosts:
        return {"etcd3": {"hosts": list(cluster.etcd_hosts)}}
    partners = [node.raft for node in cluster.nodes if node.name != place.name]
    raft: dict[str, Any] = {
        "self_addr": place.raft,
        "partner_addrs": partners,
        "data_dir": str(place.folder / "raft"),
    }
    if place.listen:
        raft["bind_addr"] = f"{place.listen}:{place.raft_port}"
    if cluster.secrets.raft:
        raft["password"] = cluster.secrets.raft
    return {"raft": raft}


def cluster_settings(cluster: Cluster) -> Mapping[str, Any]:
    """What the cluster itself keeps, of all nodes alike."""
    return {
        "ttl": cluster.lease_s,
        "loop_wait": LOOP_S,
        "retry_timeout": RETRY_S,
        "maximum_lag_on_failover": 16 * 2**20,
        # A primary that died with a longer log than its successor has written since
        # may not come back as primary when that one dies as well: it lacks what was
        # acknowledged in between.
        "check_timeline": True,
        "primary_start_timeout": 0,  # a dead primary is not waited for
        "synchronous_mode": "quorum",
        "synchronous_mode_strict": True,
        "synchronous_node_count": 1,
        "postgresql": {
            "use_pg_rewind": True,
            "use_slots": True,
            "parameters": {
                "max_connections": cluster.size.max_connections,
                "wal_log_hints": "on",
                "wal_keep_size": "128MB",
                "hot_standby": "on",
            },
        },
    }


def _login(name: str, password: str) -> dict[str, str]:
    return {"username": name, "password": password}
