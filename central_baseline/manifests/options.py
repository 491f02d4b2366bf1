"""What the operator says about his machines, and the secrets of his shop."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from central_baseline.config import MAX_REPLICAS, MAX_SERVERS, Secrets
from central_baseline.errors import UsageError
from central_baseline.rungs import Rung, check_has_one_database, rung_named

NAME = "shop.test"
ORIGIN = "origin"


@dataclass(frozen=True)
class ManifestOptions:
    """One `manifests`: which rung, how big, and where the world finds it."""

    rung: Rung
    servers: int
    replicas: int
    etcd_hosts: tuple[str, ...] = ()
    # Public addresses by region, and of the origin, for the name servers' answers.
    addresses: Mapping[str, str] = field(default_factory=dict)
    edge_port: int = 80  # at those addresses
    domain: str = NAME
    database_dsn: str | None = None  # a superuser's, of a PostgreSQL that exists
    # Whether a name may stand for another address tomorrow: a container's does, a
    # Kubernetes service's never. What is looked up once may be asked of the system,
    # which knows the cluster's search domains; HAProxy's own look-ups do not.
    names_move: bool = True


def options_for(
    name: str,
    servers: int | None = None,
    replicas: int | None = None,
    database_dsn: str | None = None,
) -> ManifestOptions:
    """Options as the rung defines them, or as given; UsageError for the impossible."""
    rung = rung_named(name)
    servers = rung.servers if servers is None else servers
    replicas = rung.replicas if replicas is None else replicas
    if not 1 <= servers <= MAX_SERVERS or (servers > 1 and not rung.balanced):
        most = MAX_SERVERS if rung.balanced else 1
        raise UsageError(f"{name} has between 1 and {most} app servers, not {servers}")
    if rung.replicas and not 2 <= replicas <= MAX_REPLICAS:
        raise UsageError(f"--replicas must be between 2 and {MAX_REPLICAS}")
    if database_dsn is not None:
        check_has_one_database(rung)
    return ManifestOptions(rung, servers, replicas, database_dsn=database_dsn)


def etcd_hosts(given: list[str]) -> tuple[str, ...]:
    """host:port each, or UsageError."""
    for entry in given:
        host, _, port = entry.rpartition(":")
        if not host or not port.isdigit():
            raise UsageError(f"--etcd {entry}: wanted is HOST:PORT")
    return tuple(given)


@dataclass(frozen=True)
class ManifestSecrets:
    """The rung's passwords, and those that only separate machines need."""

    rung: Secrets
    raft: str
    cache: str

    @classmethod
    def fresh(cls) -> "ManifestSecrets":
        return cls(
            Secrets.fresh(), secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        )
