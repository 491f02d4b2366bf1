"""The units of a rung: the configuration is that of servers/, with other addresses.

Every container runs the same image (the Dockerfile beside the manifests), which holds
the pinned servers that the measured ladder runs; links put them on PATH.
"""

import json
from dataclasses import asdict
from pathlib import Path

from central_baseline.dns.zone import Edge, ZoneSettings, settings_document
from central_baseline.manifests.blueprint import (
    FILES,
    SCRATCH,
    STATE,
    Container,
    File,
    Port,
    Probe,
    Unit,
)
from central_baseline.manifests.options import ORIGIN, ManifestOptions
from central_baseline.rungs import DatabaseSize, Rung
from central_baseline.servers.database_proxy import proxy_config
from central_baseline.servers.haproxy import BalancerPlace, balancer_config
from central_baseline.servers.nginx import (
    HEALTH,
    EdgePlace,
    edge_config,
    static_config,
)
from central_baseline.servers.patroni import Cluster, NodePlace, patroni_config
from central_baseline.servers.valkey import MEMORY
from central_baseline.web.settings import WebSettings

ANYWHERE = "0.0.0.0"
HERE = "127.0.0.1"
WEB, ADMIN, PRIMARY, PROXY_HEALTH = 8080, 8081, 6432, 6433
POSTGRES, AGENT, RAFT, CACHE, DNS = 5432, 8008, 2222, 6379, 5353
PUBLIC_WEB, PUBLIC_DNS = 80, 53
DRAIN_S = 5.0  # a balancer on another machine may need a moment longer
WEB_MEMORY_MB = 512
EDGE_MEMORY_MB = 384  # its cache lies in memory too, see max_size in nginx.conf
POSTGRES_PROGRAMS = "/opt/chandlery/postgres"  # the Dockerfile's link to the folder


def web_container(settings: WebSettings, cores: float | None) -> Container:
    """One process of the web tier."""
    name = f"web{settings.admin_port - ADMIN + 1}"
    return Container(
        name,
        ("python", "-m", "central_baseline.web", f"{FILES}/{name}.json"),
        Probe("http", settings.admin_port, "/health"),
        (File(f"{name}.json", json.dumps(asdict(settings), indent=2), secret=True),),
        cores=cores,
        memory_mb=WEB_MEMORY_MB,
    )


def proxy_container(nodes: list[NodePlace], names_move: bool) -> Container:
    """Each app server's own way to the primary."""
    text = proxy_config((PRIMARY, PROXY_HEALTH), nodes, names_move=names_move)
    return Container(
        "proxy",
        ("haproxy", "-db", "-f", f"{FILES}/haproxy.cfg"),
        Probe("http", PROXY_HEALTH, "/health"),
        (File("haproxy.cfg", text),),
    )


def balancer_unit(members: list[str], names_move: bool) -> Unit:
    """The one public way in."""
    place = BalancerPlace(ANYWHERE, WEB, Path(SCRATCH), Path("/dev/stdout"))
    text = balancer_config(
        place, {name: f"{name}:{WEB}" for name in members}, names_move
    )
    haproxy = Container(
        "haproxy",
        ("haproxy", "-db", "-f", f"{FILES}/haproxy.cfg"),
        Probe("http", WEB, "/health"),
        (File("haproxy.cfg", text),),
    )
    return Unit(
        "balancer", "balancer", (haproxy,), (Port("http", WEB, public=PUBLIC_WEB),)
    )


def database_container(size: DatabaseSize, settings: dict[str, object]) -> Container:
    """A PostgreSQL that initialises itself once."""
    return Container(
        "postgres",
        ("python", "-m", "central_baseline.manifests.database", f"{FILES}/place.json"),
        Probe("tcp", POSTGRES),
        (File("place.json", json.dumps(settings, indent=2), secret=True),),
        keeps=True,
        cores=1.0 if size.pinned else None,
        memory_mb=database_memory_mb(size),
        grace_s=60,
    )


def database_memory_mb(size: DatabaseSize) -> int:
    """Buffers, what sessions sort in, and room for the processes themselves."""
    return 2 * size.shared_buffers_mb + size.max_connections * (size.work_mem_mb + 4)


def node_unit(place: NodePlace, cluster: Cluster, size: DatabaseSize) -> Unit:
    """A database node: Patroni, and PostgreSQL below it."""
    settings = patroni_config(place, cluster)
    settings["postgresql"]["bin_dir"] = POSTGRES_PROGRAMS
    config = json.dumps(settings, indent=2)
    patroni = Container(
        "patroni",
        ("python", "-m", "central_baseline.servers.agent", f"{FILES}/patroni.json"),
        Probe("http", AGENT, "/liveness"),
        (File("patroni.json", config, secret=True),),
        keeps=True,
        memory_mb=database_memory_mb(size) + 128,
        grace_s=60,
    )
    ports: tuple[Port, ...] = (Port("postgres", POSTGRES), Port("agent", AGENT))
    if not cluster.etcd_hosts:
        ports += (Port("raft", RAFT),)
    return Unit(place.name, "database", (patroni,), ports)


def node_places(count: int) -> list[NodePlace]:
    """The nodes of a cluster, each reached by its own name."""
    return [
        NodePlace(
            name,
            Path(STATE),
            Path("/dev/stdout"),
            name,
            POSTGRES,
            AGENT,
            RAFT,
            listen=ANYWHERE,
        )
        for name in (f"db{number}" for number in range(1, count + 1))
    ]


def cache_unit(password: str) -> Unit:
    """Valkey, reached over the private network by whoever knows its password."""
    text = f"""\
port {CACHE}
bind {ANYWHERE}
requirepass {password}
maxmemory {MEMORY}
maxmemory-policy allkeys-lru
save ""
appendonly no
dir {SCRATCH}
"""
    valkey = Container(
        "valkey",
        ("valkey-server", f"{FILES}/valkey.conf"),
        Probe("tcp", CACHE),
        (File("valkey.conf", text, secret=True),),
        memory_mb=128,  # a probe of the container's is a Python beside it
    )
    return Unit("cache", "cache", (valkey,), (Port("valkey", CACHE),))


def edge_unit(region: str, address: str) -> Unit:
    """nginx near a region's shoppers."""
    place = EdgePlace(
        region, ANYWHERE, WEB, f"balancer:{WEB}", Path(SCRATCH), Path("/dev/stdout")
    )
    nginx = Container(
        "nginx",
        (
            "sh",
            "-c",
            f"mkdir -p {SCRATCH}/temp && exec nginx -p {SCRATCH} "
            f"-c {FILES}/nginx.conf -e stderr -g 'daemon off;'",
        ),
        Probe("http", WEB, HEALTH),
        (
            File("nginx.conf", edge_config(place)),
            File("static.conf", static_config(place)),
        ),
        memory_mb=EDGE_MEMORY_MB,
    )
    ports = (Port("http", WEB, public=PUBLIC_WEB),)
    return Unit(f"edge-{region}", "edge", (nginx,), ports, address, region)


def name_server_unit(number: int, options: ManifestOptions) -> Unit:
    """One of the two name servers."""
    rung, addresses = options.rung, options.addresses
    settings = ZoneSettings(
        options.domain,
        ANYWHERE,
        DNS,
        tuple(
            Edge(region, addresses[region], options.edge_port)
            for region in rung.regions
        ),
        {},
        {region: _nearest_first(rung, region) for region in rung.regions},
        rung.regions[0],
        addresses[ORIGIN],
    )
    text = json.dumps(settings_document(settings), indent=2)
    dns = Container(
        "dns",
        ("python", "-m", "central_baseline.dns", f"{FILES}/zone.json"),
        Probe("dns", DNS, options.domain),
        (File("zone.json", text),),
    )
    ports = (Port("dns", DNS, public=PUBLIC_DNS, protocol="UDP"),)
    return Unit(f"dns{number}", "dns", (dns,), ports)


def _nearest_first(rung: Rung, region: str) -> tuple[str, ...]:
    from central_baseline.composition.edges import DISTANCES

    return tuple(near for near in DISTANCES[region] if near in rung.regions)
