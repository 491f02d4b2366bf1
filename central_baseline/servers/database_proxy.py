"""An app server's own way to whichever node is the primary now.

A small HAProxy beside each app server, so that it is nobody's single point of failure:
it asks every node's Patroni whether it is the primary, sends new connections there, and
cuts those that lead to a node which no longer is.
"""

import signal
from collections.abc import Sequence
from pathlib import Path

from central_baseline.servers.binaries import HAPROXY, find
from central_baseline.servers.haproxy import RESOLVED, RESOLVERS, Checks
from central_baseline.servers.patroni import NodePlace
from central_baseline.servers.ports import LOOPBACK
from central_baseline.servers.probes import http_status
from central_baseline.supervisor.accounts import server_account
from central_baseline.supervisor.processes import Command
from central_baseline.supervisor.server import RunJob

PRIMARY_CHECKS = Checks(patience_ms=1000)


class DatabaseProxy:
    """HAProxy in TCP mode before the nodes of a cluster."""

    name = "database-proxy"
    stop_signal = signal.SIGTERM

    def __init__(
        self,
        folder: Path,
        log: Path,
        ports: tuple[int, int],
        nodes: Sequence[NodePlace],
        checks: Checks = PRIMARY_CHECKS,
    ) -> None:
        """`ports` are the one to the primary and that of the proxy's own health."""
        self._folder = folder
        self._log = log
        self._port, self._health_port = ports
        self._nodes = nodes
        self._checks = checks
        self._account = server_account(find(HAPROXY))

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self._port}"

    async def prepare(self, run: RunJob) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._account.own(self._folder)
        ports = (self._port, self._health_port)
        text = proxy_config(ports, self._nodes, self._checks)
        (self._folder / "haproxy.cfg").write_text(text)

    def command(self) -> Command:
        config = self._folder / "haproxy.cfg"
        argv = (str(find(HAPROXY)), "-db", "-f", str(config))
        return Command(argv, account=self._account, log=self._log)

    async def is_ready(self) -> bool:
        """It runs; whether there is a primary is the cluster's business."""
        return await http_status(LOOPBACK, self._health_port, "/health") == 200

    async def after_ready(self) -> None:
        """Nothing."""


def proxy_config(
    ports: tuple[int, int],
    nodes: Sequence[NodePlace],
    checks: Checks = PRIMARY_CHECKS,
    names_move: bool = False,
) -> str:
    """haproxy.cfg that leads to the primary; `names_move` where hosts are names that
    may stand for another address later."""
    port, health_port = ports
    resolvers, options = (RESOLVERS, RESOLVED) if names_move else ("", "")
    servers = "".join(
        f"    server {node.name} {node.postgres} port {node.rest_port}\n"
        for node in nodes
    )
    return f"""\
global
    log stdout format raw local0 notice
    maxconn 1000

{resolvers}defaults
    log global
    timeout connect 300ms
    timeout queue 300ms
    timeout client 1h
    timeout server 1h

frontend health
    mode http
    bind {LOOPBACK}:{health_port}
    http-request return status 200

listen primary
    mode tcp
    bind {LOOPBACK}:{port}
    retries 0
    option clitcpka
    option srvtcpka
    option httpchk OPTIONS /primary
    http-check expect status 200
    timeout check {checks.patience_ms or checks.every_ms}ms
    default-server {checks.words} downinter 200ms rise 1 \
on-marked-down shutdown-sessions{options}
{servers}"""
