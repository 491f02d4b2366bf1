"""What is answered: decided purely, from regions, distances and health.

A shopper's region is known by the network that asks (or by the network that a resolver
says it asks for). The nearest edge that is healthy is answered; with none healthy, the
origin itself, so that the shop stays open without its edges.
"""

import ipaddress
from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass
from typing import Any

TTL_S = 1  # short, so that a dead edge is left soon


@dataclass(frozen=True)
class Edge:
    """An edge and where it can be asked for its health."""

    region: str
    host: str
    port: int


@dataclass(frozen=True)
class ZoneSettings:
    """One name server: where it listens, and what it knows."""

    name: str  # of the shop, such as shop.test
    host: str
    port: int
    edges: tuple[Edge, ...]
    networks: Mapping[str, str]  # network in CIDR form -> region
    # Regions by distance, the nearest first, for each region.
    distances: Mapping[str, tuple[str, ...]]
    default_region: str
    origin_host: str
    look_every_s: float = 0.5  # at the edges' health
    look_patience_s: float = 1.0


def region_of(settings: ZoneSettings, address: str) -> str:
    """The region of a shopper, by the narrowest network that holds the address."""
    try:
        asked = ipaddress.ip_address(address)
    except ValueError:
        return settings.default_region
    holding = [
        (network.prefixlen, region)
        for text, region in settings.networks.items()
        if asked in (network := ipaddress.ip_network(text))
    ]
    return max(holding)[1] if holding else settings.default_region


def answer_for(settings: ZoneSettings, address: str, healthy: Set[str]) -> str:
    """The IP address for a shopper at `address`, `healthy` being regions."""
    hosts = {edge.region: edge.host for edge in settings.edges}
    for region in settings.distances[region_of(settings, address)]:
        if region in healthy and region in hosts:
            return hosts[region]
    return settings.origin_host


def settings_document(settings: ZoneSettings) -> dict[str, Any]:
    """As JSON."""
    return asdict(settings)


def settings_from(document: dict[str, Any]) -> ZoneSettings:
    """What `settings_document` gave."""
    return ZoneSettings(
        **{
            **document,
            "edges": tuple(Edge(**edge) for edge in document["edges"]),
            "distances": {
                region: tuple(order) for region, order in document["distances"].items()
            },
        }
    )
