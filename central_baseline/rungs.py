"""The ladder: each rung is a composition of the same parts, named here alone.

A "small" server has one core of the box, a "big" one has all; where many servers share
the box (horizontal and up) none is pinned, the operating system shares.
"""

import os
from dataclasses import dataclass

from central_baseline.errors import UsageError


@dataclass(frozen=True)
class ServerSize:
    """Of a web server: processes, and whether it is held to one core."""

    workers: int = 1
    pinned: bool = False
    connections: int = 16  # to the primary for writing, per worker; and each replica
    reading_connections: int = 8  # to the primary for reading


@dataclass(frozen=True)
class DatabaseSize:
    """Of a database server."""

    pinned: bool = False
    shared_buffers_mb: int = 128
    work_mem_mb: int = 4
    wal_buffers_mb: int = 4
    max_connections: int = 100


@dataclass(frozen=True)
class Rung:
    """Which parts, how many, and what the rung teaches."""

    name: str
    lesson: str
    web: ServerSize
    database: DatabaseSize
    together: bool = False  # web and database are one failure unit
    servers: int = 1
    balanced: bool = False  # HAProxy in front, servers can be added and removed
    replicas: int = 0  # besides the primary; above 0 Patroni elects
    cached: bool = False
    regions: tuple[str, ...] = ()  # of edges, answered for by DNS


def _all_cores() -> int:
    return max(2, len(os.sched_getaffinity(0)))


def _for_workers(count: int) -> int:
    """Connections that so many workers may open, and some for whoever looks after the
    database."""
    size = ServerSize()
    return 25 + count * (size.connections + size.reading_connections)


RUNGS = {
    rung.name: rung
    for rung in (
        Rung(
            "single",
            "one small server; simplest, dies whole",
            ServerSize(pinned=True),
            DatabaseSize(pinned=True),
            together=True,
        ),
        Rung(
            "database",
            "two small servers; a dead app server loses no data, both are single "
            "points of failure",
            ServerSize(pinned=True),
            DatabaseSize(pinned=True),
        ),
        Rung(
            "vertical",
            "bigger servers; a ceiling, and the same two single points of failure",
            ServerSize(workers=_all_cores()),
            DatabaseSize(
                shared_buffers_mb=512,
                work_mem_mb=16,
                wal_buffers_mb=16,
                max_connections=_for_workers(_all_cores()),
            ),
        ),
        Rung(
            "horizontal",
            "many app servers behind a balancer; the web tier loses its single point "
            "of failure, balancer and database keep theirs",
            ServerSize(),
            DatabaseSize(max_connections=250),
            servers=2,
            balanced=True,
        ),
        Rung(
            "replicated",
            "a primary and two standbys under Patroni; the database loses its single "
            "point of failure, the balancer keeps its",
            ServerSize(),
            DatabaseSize(max_connections=250),
            servers=2,
            balanced=True,
            replicas=2,
        ),
        Rung(
            "cached",
            "a cache before the database; reads stop costing queries, and a dead cache "
            "costs only time",
            ServerSize(),
            DatabaseSize(max_connections=250),
            servers=2,
            balanced=True,
            replicas=2,
            cached=True,
        ),
        Rung(
            "cdn",
            "edges near the shoppers, found by name; static files survive a dead edge, "
            "a dead name server and even a dead origin",
            ServerSize(),
            DatabaseSize(max_connections=250),
            servers=2,
            balanced=True,
            replicas=2,
            cached=True,
            regions=("eu", "us", "ap"),
        ),
    )
}


def rung_named(name: str) -> Rung:
    """The rung, or UsageError with the names there are."""
    if name not in RUNGS:
        raise UsageError(f"there is no rung '{name}'; there are {', '.join(RUNGS)}")
    return RUNGS[name]


def check_has_one_database(rung: Rung) -> None:
    """UsageError where an existing PostgreSQL cannot take the place of the rung's."""
    if rung.replicas or rung.together:
        raise UsageError(
            "--database-dsn is for rungs whose database is one server of its own: "
            "database, vertical, horizontal"
        )
