"""Edges in regions, and two name servers that send shoppers to the nearest.

All addresses are on loopback: an edge's is 127.0.1.N, a shopper of a region asks from
127.N.0.0/16. How far a region is away is for whoever delays the links.
"""

from dataclasses import dataclass, field
from pathlib import Path

from central_baseline.composition.detection import SHIPPED, Detection
from central_baseline.config import Layout
from central_baseline.dns.zone import Edge, ZoneSettings
from central_baseline.servers.nameserver import NameServer
from central_baseline.servers.nginx import EdgePlace, EdgeServer
from central_baseline.servers.ports import LOOPBACK, free_ports
from central_baseline.supervisor.component import Component
from central_baseline.supervisor.plan import Endpoint, Link

NAME = "shop.test"
NAME_SERVERS = 2
# The nearest first; the region itself is always the nearest.
DISTANCES = {
    "eu": ("eu", "us", "ap"),
    "us": ("us", "eu", "ap"),
    "ap": ("ap", "us", "eu"),
}


@dataclass
class EdgePart:
    """What a rung gains by its edges."""

    edges: list[Component] = field(default_factory=list)
    name_servers: list[Component] = field(default_factory=list)
    endpoints: list[Endpoint] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    addresses: dict[str, object] = field(default_factory=dict)  # for admin.json


def edge_part(
    layout: Layout,
    regions: tuple[str, ...],
    origin_port: int,
    detection: Detection = SHIPPED,
) -> EdgePart:
    """An edge for each region, in front of the origin's port, and the name servers.

    The edges listen on the origin's port number, so that a name leads to any of them.
    """
    part = EdgePart()
    edges = []
    for number, region in enumerate(regions, start=1):
        name, host = f"edge-{region}", f"127.0.1.{number}"
        folder = layout.run / name
        place = EdgePlace(
            region,
            host,
            origin_port,
            f"{LOOPBACK}:{origin_port}",
            folder,
            layout.log(name),
        )
        edges.append(Edge(region, host, origin_port))
        part.edges.append(Component(name, "edge", [EdgeServer(place)]))
        part.endpoints.append(Endpoint(f"http://{host}:{origin_port}", name))
        part.links.append(Link(name, "balancer", f"{LOOPBACK}:{origin_port}"))
    networks = {f"127.{n}.0.0/16": r for n, r in enumerate(regions, start=1)}
    ports = free_ports(NAME_SERVERS)
    for number, port in enumerate(ports, start=1):
        settings = ZoneSettings(
            NAME,
            LOOPBACK,
            port,
            tuple(edges),
            networks,
            {region: DISTANCES[region] for region in regions},
            regions[0],
            LOOPBACK,
            detection.look_every_s,
            detection.look_patience_s,
        )
        name = f"dns{number}"
        server = NameServer(settings, _file(layout, name), layout.log(name))
        part.name_servers.append(Component(name, "dns", [server]))
        part.links += [
            Link(name, f"edge-{edge.region}", f"{edge.host}:{edge.port}")
            for edge in edges
        ]
    part.addresses = {
        "name": NAME,
        "name_servers": [f"{LOOPBACK}:{port}" for port in ports],
        "networks": networks,
    }
    return part


def _file(layout: Layout, name: str) -> Path:
    return layout.run / f"{name}.json"
