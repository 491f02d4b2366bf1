"""From a rung's definition to a plan: the parts, wired together.

Every rung goes through the same few functions; a rung differs in its definition only.
Public is what the endpoints name; everything else is bound to private addresses.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from central_baseline.config import MAX_SERVERS, Layout, Secrets, Settings
from central_baseline.errors import UsageError
from central_baseline.rungs import Rung, rung_named
from central_baseline.scaling import WebScaler
from central_baseline.servers.binaries import (
    HAPROXY,
    POSTGRES,
    find,
    version_of,
)
from central_baseline.servers.haproxy import BalancerPlace, BalancerServer
from central_baseline.servers.ports import LOOPBACK, claim_port, free_ports
from central_baseline.servers.postgres import (
    Passwords,
    PostgresPlace,
    PostgresServer,
    PostgresSize,
)
from central_baseline.servers.webserver import WebServer
from central_baseline.supervisor.component import Component
from central_baseline.supervisor.plan import Endpoint, Link, Plan
from central_baseline.supervisor.server import Server
from central_baseline.web.settings import WebSettings

DRAIN_S = 1.5  # the balancer asks every half second and believes the second answer
DURABILITY = (
    "acknowledged means committed by one PostgreSQL with fsync and synchronous_commit "
    "on: it survives the death of every process, not the loss of the disk"
)


@dataclass
class Composer:
    """Builds one rung's plan."""

    settings: Settings
    layout: Layout
    rung: Rung = field(init=False)
    secrets: Secrets = field(init=False)
    admin_urls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rung = rung_named(self.settings.rung)
        self.secrets = self.layout.secrets()

    def plan(self) -> Plan:
        """All components, none of them started."""
        public_port = claim_port(self.settings.port)
        postgres, place = self._postgres()
        if self.rung.together:
            return self._together(postgres, place, public_port)
        database = Component("database", "database", [postgres])
        if self.rung.balanced:
            return self._balanced(database, place, public_port)
        app = Component("app1", "web", self._web_servers("app1", place, public_port))
        return self._finish(
            [[database], [app]],
            Endpoint(_url(public_port), "app1"),
            [Link("app1", "database", f"{place.host}:{place.port}")],
            place,
        )

    def _together(
        self, postgres: PostgresServer, place: PostgresPlace, port: int
    ) -> Plan:
        servers: list[Server] = [postgres, *self._web_servers("server", place, port)]
        unit = Component("server", "server", servers)
        return self._finish([[unit]], Endpoint(_url(port), "server"), [], place)

    def _balanced(
        self, database: Component, place: PostgresPlace, public_port: int
    ) -> Plan:
        count = self._server_count()
        apps, members = [], {}
        for number in range(1, count + 1):
            name = f"app{number}"
            port = free_ports(1)[0]
            apps.append(Component(name, "web", self._web_servers(name, place, port)))
            members[name] = f"{LOOPBACK}:{port}"
        folder = self.layout.run / "balancer"
        folder.mkdir(exist_ok=True)
        where = BalancerPlace(
            LOOPBACK, public_port, folder, self.layout.log("balancer")
        )
        haproxy = BalancerServer(where, members)
        balancer = Component("balancer", "balancer", [haproxy])
        links = [Link("balancer", name, at) for name, at in members.items()]
        links += [
            Link(app.name, "database", f"{place.host}:{place.port}") for app in apps
        ]
        plan = self._finish(
            [[database], apps, [balancer]],
            Endpoint(_url(public_port), "balancer"),
            links,
            place,
        )
        make = self._web_component(place)
        plan.scalers["web"] = WebScaler(members, haproxy.runtime, make)
        return plan

    def _web_component(self, place: PostgresPlace) -> Callable[[str, int], Component]:
        def make(name: str, port: int) -> Component:
            return Component(name, "web", self._web_servers(name, place, port))

        return make

    def _server_count(self) -> int:
        count = self.settings.servers or self.rung.servers
        if not 1 <= count <= MAX_SERVERS:
            raise UsageError(f"--servers must be between 1 and {MAX_SERVERS}")
        return count

    def _postgres(self) -> tuple[PostgresServer, PostgresPlace]:
        size = self.rung.database
        place = PostgresPlace(
            self.layout.folder / "database",
            self.layout.log("database"),
            LOOPBACK,
            free_ports(1)[0],
        )
        server = PostgresServer(
            place,
            Passwords(self.secrets.superuser, self.secrets.shop, self.secrets.auditor),
            PostgresSize(
                size.shared_buffers_mb,
                size.max_connections,
                size.work_mem_mb,
                size.wal_buffers_mb,
            ),
            _core(0 if self.rung.together else 1) if size.pinned else None,
        )
        return server, place

    def _web_servers(self, name: str, place: PostgresPlace, port: int) -> list[Server]:
        """The worker processes of one app server; they share its port."""
        size = self.rung.web
        servers: list[Server] = []
        for worker, admin_port in enumerate(free_ports(size.workers), start=1):
            self.admin_urls.append(f"http://{LOOPBACK}:{admin_port}")
            settings = WebSettings(
                name=name,
                host=LOOPBACK,
                port=port,
                admin_host=LOOPBACK,
                admin_port=admin_port,
                admin_token=self.secrets.admin_token,
                primary_dsn=place.dsn("shop", self.secrets.shop),
                connections=size.connections,
                drain_s=DRAIN_S if self.rung.balanced else 0.0,
                share_port=size.workers > 1,
            )
            servers.append(
                WebServer(
                    settings,
                    self.layout.run,
                    self.layout.log(name),
                    f"web{worker}",
                    _core(0) if size.pinned else None,
                )
            )
        return servers

    def _finish(
        self,
        stages: list[list[Component]],
        endpoint: Endpoint,
        links: list[Link],
        place: PostgresPlace,
    ) -> Plan:
        software = {"postgresql": version_of(find(POSTGRES))}
        if self.rung.balanced:
            software["haproxy"] = version_of(find(HAPROXY))
        return Plan(
            rung=self.rung.name,
            stages=stages,
            endpoints=[endpoint],
            links=links,
            durability=DURABILITY,
            software=software,
            scalers={},
            admin={
                "token": self.secrets.admin_token,
                "urls": self.admin_urls,
                "dsn": place.dsn("auditor", self.secrets.auditor),
            },
        )


def compose(settings: Settings, layout: Layout) -> Plan:
    """The plan of one `up`."""
    return Composer(settings, layout).plan()


def _url(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"


def _core(number: int) -> frozenset[int]:
    cores = sorted(os.sched_getaffinity(0))
    return frozenset({cores[number % len(cores)]})
