"""The web part of a rung: app servers, and the balancer before them."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from central_baseline.composition.databases import DatabasePart
from central_baseline.composition.detection import SHIPPED, Detection
from central_baseline.composition.scaling import WebScaler
from central_baseline.composition.storefront import page_facts
from central_baseline.config import MAX_SERVERS, Layout, Secrets
from central_baseline.errors import UsageError
from central_baseline.rungs import Rung
from central_baseline.servers.haproxy import BalancerPlace, BalancerServer, Runtime
from central_baseline.servers.ports import LOOPBACK, free_ports
from central_baseline.servers.probes import http_status
from central_baseline.servers.webserver import WebServer
from central_baseline.supervisor.component import Component
from central_baseline.supervisor.server import Server
from central_baseline.web.settings import WebSettings

DRAIN_S = 1.5  # the balancer asks every half second and believes the second answer


@dataclass
class WebTier:
    """Makes app servers for one rung."""

    rung: Rung
    layout: Layout
    secrets: Secrets
    database: DatabasePart
    cores: frozenset[int] | None = None
    cache_address: str | None = None
    detection: Detection = SHIPPED
    admin_urls: list[str] = field(default_factory=list)

    def servers(self, name: str, port: int) -> list[Server]:
        """The processes of one app server: what it needs beside it, and its workers,
        who share the port."""
        access = self.database.access(name)
        size = self.rung.web
        page = page_facts(self.rung.name, self.database.durability, self.layout.folder)
        found: list[Server] = list(access.beside)
        for worker, admin_port in enumerate(free_ports(size.workers), start=1):
            self.admin_urls.append(f"http://{LOOPBACK}:{admin_port}")
            settings = WebSettings(
                name=name,
                host=LOOPBACK,
                port=port,
                admin_host=LOOPBACK,
                admin_port=admin_port,
                admin_token=self.secrets.admin_token,
                primary_dsn=access.primary_dsn,
                connections=size.connections,
                reading_connections=size.reading_connections,
                drain_s=DRAIN_S if self.rung.balanced else 0.0,
                share_port=size.workers > 1,
                replica_dsns=self.database.replica_dsns,
                cache_address=self.cache_address,
                page=page,
            )
            log = self.layout.log(name)
            process = f"web{worker}"
            found.append(WebServer(settings, self.layout.run, log, process, self.cores))
        return found

    async def is_serving(self) -> bool:
        """Whether every app server has found its database."""
        for url in self.admin_urls:
            place = urlsplit(url)
            status = await http_status(str(place.hostname), place.port or 0, "/ready")
            if status != 200:
                return False
        return True

    def component(self, name: str, port: int) -> Component:
        """One app server as a failure unit of its own."""
        return Component(name, "web", self.servers(name, port))


@dataclass
class BalancedTier:
    """App servers and the balancer before them."""

    apps: list[Component]
    balancer: Component
    members: dict[str, str]
    scaler: WebScaler
    runtime: Runtime


def balanced_tier(tier: WebTier, count: int, public_port: int) -> BalancedTier:
    """`count` app servers behind HAProxy on the public port."""
    if not 1 <= count <= MAX_SERVERS:
        raise UsageError(f"--servers must be between 1 and {MAX_SERVERS}")
    apps, members = [], {}
    for number, port in enumerate(free_ports(count), start=1):
        apps.append(tier.component(f"app{number}", port))
        members[f"app{number}"] = f"{LOOPBACK}:{port}"
    folder = tier.layout.run / "lb"
    folder.mkdir(exist_ok=True)
    log, checks = tier.layout.log("balancer"), tier.detection.balancer
    place = BalancerPlace(LOOPBACK, public_port, folder, log, checks)
    haproxy = BalancerServer(place, members)
    return BalancedTier(
        apps,
        Component("balancer", "balancer", [haproxy]),
        members,
        WebScaler(members, haproxy.runtime, tier.component),
        haproxy.runtime,
    )
