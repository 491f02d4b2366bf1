"""The balancer before the web tier, and its runtime interface.

The promise: a GET that met a dying server is sent to another one; a purchase never is
(it may have been done). A server that drains (404 on /health) gets nothing new. Servers
come and go over the admin socket, so that no connection is dropped for a new
configuration.
Source: HAProxy 2.8 configuration manual (retry-on, disable-l7-retry), management guide
(add server, del server).
"""

import asyncio
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from central_baseline.errors import StartError
from central_baseline.servers.binaries import HAPROXY, find
from central_baseline.servers.probes import http_status
from central_baseline.supervisor.accounts import server_account
from central_baseline.supervisor.processes import Command
from central_baseline.supervisor.server import RunJob

BACKEND = "app"
MAX_CONNECTIONS = 4000
ADMIN_TIMEOUT_S = 2.0
DRAIN_POLL_S = 0.05
DRAIN_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Checks:
    """How often HAProxy asks a server whether it is there; the second question without
    an answer takes it out."""

    every_ms: int = 500
    again_ms: int = 200  # after one without an answer
    patience_ms: int | None = None  # with an answer; None: as long as between two

    @classmethod
    def within(cls, seconds: float, parts: int) -> "Checks":
        """Silence is noticed after so long: in `parts` equal waits."""
        part_ms = max(1, int(seconds * 1000 / parts))
        return cls(part_ms, part_ms, part_ms)

    @property
    def words(self) -> str:
        """As options of a server."""
        return f"check inter {self.every_ms}ms fastinter {self.again_ms}ms fall 2"


APP_CHECKS = Checks()


def server_options(checks: Checks) -> str:
    """Of an app server: errors of requests count as well, silence or not."""
    return (
        f"{checks.words} downinter 500ms rise 2 observe layer4 error-limit 3 "
        "on-error mark-down on-marked-down shutdown-sessions"
    )


# Names are looked up again and again: a server that moves is followed, and one that is
# not there yet keeps nobody from starting.
RESOLVERS = """\
resolvers system
    parse-resolv-conf
    hold valid 1s

"""
RESOLVED = " resolvers system init-addr none"


@dataclass(frozen=True)
class BalancerPlace:
    """Where it listens and what it may write."""

    host: str
    port: int
    folder: Path
    log: Path
    checks: Checks = APP_CHECKS

    @property
    def socket(self) -> Path:
        # HAProxy binds a longer, temporary name first and allows 97 bytes in all.
        return self.folder / "ha.sock"


class BalancerServer:
    """HAProxy in front of the servers that `members` names at each start."""

    name = "haproxy"
    stop_signal = signal.SIGUSR1  # finish what is under way, at most hard-stop-after

    def __init__(self, place: BalancerPlace, members: Mapping[str, str]) -> None:
        """`members` maps a server's name to host:port and may grow and shrink."""
        self._place = place
        self._members = members
        self._account = server_account(find(HAPROXY))
        self.runtime = Runtime(place.socket, place.checks)

    @property
    def address(self) -> str:
        return f"{self._place.host}:{self._place.port}"

    async def prepare(self, run: RunJob) -> None:
        """Write the configuration for the members of now.

        Its log is its own: HAProxy makes its output non-blocking and by that
        overwrites what others append to the same file."""
        config = self._place.folder / "haproxy.cfg"
        config.write_text(balancer_config(self._place, self._members))
        self._account.own(self._place.folder)

    def command(self) -> Command:
        config = self._place.folder / "haproxy.cfg"
        argv = (str(find(HAPROXY)), "-db", "-f", str(config))
        return Command(argv, account=self._account, log=self._place.log)

    async def is_ready(self) -> bool:
        """It answers with an app server's answer, not with its own 503."""
        return await http_status(self._place.host, self._place.port, "/health") == 200

    async def after_ready(self) -> None:
        """Nothing: members are in the configuration."""


def balancer_config(
    place: BalancerPlace, members: Mapping[str, str], names_move: bool = False
) -> str:
    """haproxy.cfg for these members; `names_move` where their hosts are names that
    may stand for another address later."""
    resolvers, options = (RESOLVERS, RESOLVED) if names_move else ("", "")
    servers = "".join(
        f"    server {name} {address}\n" for name, address in members.items()
    )
    return f"""\
global
    log stdout format raw local0 notice
    stats socket {place.socket} mode 600 level admin
    maxconn {MAX_CONNECTIONS}
    hard-stop-after 5s

{resolvers}defaults
    mode http
    log global
    option redispatch 1
    option dontlognull
    timeout connect 1s
    timeout client 75s
    timeout server 15s
    timeout queue 2s
    timeout http-request 10s
    timeout http-keep-alive 75s

frontend public
    bind {place.host}:{place.port}
    default_backend {BACKEND}

backend {BACKEND}
    balance leastconn
    http-reuse safe
    retries 3
    retry-on conn-failure empty-response response-timeout
    # A purchase may have been done although no answer came: never send it twice.
    http-request disable-l7-retry if ! METH_GET ! METH_HEAD
    option httpchk
    http-check send meth GET uri /health
    http-check disable-on-404
    http-check expect status 200
    default-server {server_options(place.checks)}{options}
{servers}"""


class Runtime:
    """Commands on a running HAProxy's admin socket."""

    def __init__(self, socket: Path, checks: Checks = APP_CHECKS) -> None:
        """`checks` are those of servers that are added."""
        self._socket = socket
        self._checks = checks

    async def ask(self, command: str) -> str:
        """The answer to one command; StartError when nobody answers."""
        try:
            async with asyncio.timeout(ADMIN_TIMEOUT_S):
                reader, writer = await asyncio.open_unix_connection(str(self._socket))
                try:
                    writer.write(command.encode() + b"\n")
                    return (await reader.read()).decode()
                finally:
                    writer.close()
        except (OSError, TimeoutError) as error:
            raise StartError(f"HAProxy does not answer at {self._socket}") from error

    async def stats(self) -> list[dict[str, str]]:
        """HAProxy's own figures, one row per frontend, backend and server."""
        lines = (await self.ask("show stat")).lstrip("# ").strip().splitlines()
        names = lines[0].split(",")
        return [dict(zip(names, line.split(","), strict=False)) for line in lines[1:]]

    async def add_server(self, name: str, address: str) -> None:
        """Let a new server in; it gets requests once its health check passes."""
        server = f"{BACKEND}/{name}"
        options = server_options(self._checks)
        said = await self.ask(f"add server {server} {address} {options}")
        if "registered" not in said:
            raise StartError(f"HAProxy refused {name}: {said.strip()}")
        await self.ask(f"enable health {server}")
        await self.ask(f"enable server {server}")

    async def remove_server(self, name: str) -> None:
        """Let a server finish what it has, then take it out."""
        server = f"{BACKEND}/{name}"
        await self.ask(f"set server {server} state drain")
        await self._wait_until_idle(name)
        await self.ask(f"set server {server} state maint")
        said = await self.ask(f"del server {server}")
        if "deleted" not in said:
            raise StartError(f"HAProxy kept {name}: {said.strip()}")

    async def _wait_until_idle(self, name: str) -> None:
        """At most `DRAIN_TIMEOUT_S`; what is left then is cut off by `state maint`."""
        for _ in range(int(DRAIN_TIMEOUT_S / DRAIN_POLL_S)):
            if await self._sessions(name) == 0:
                return
            await asyncio.sleep(DRAIN_POLL_S)

    async def _sessions(self, name: str) -> int:
        for row in await self.stats():
            if row["pxname"] == BACKEND and row["svname"] == name:
                return int(row["scur"] or 0)
        return 0
