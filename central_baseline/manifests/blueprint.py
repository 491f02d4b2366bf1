"""What a rung is made of on machines of its own, before anybody's format.

A unit is a component of the rung: it lives and dies whole, on one machine, and its
containers share an address. Who may talk to whom is part of it: nothing else may.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

STATE = "/var/lib/chandlery"  # a container's volume
FILES = "/etc/chandlery"  # a container's configuration
SCRATCH = "/run/chandlery"  # memory; gone with the container


@dataclass(frozen=True)
class Port:
    """A port that a unit listens on. `public` is the number that the world uses."""

    name: str
    number: int
    public: int | None = None
    protocol: str = "TCP"


@dataclass(frozen=True)
class Probe:
    """How to see that it works: http (path), tcp, or dns (name asked for)."""

    kind: str
    port: int
    subject: str = ""


@dataclass(frozen=True)
class File:
    """A configuration file of one container; secret ones hold passwords."""

    name: str
    text: str
    secret: bool = False


@dataclass(frozen=True)
class Container:
    """One program of a unit."""

    name: str
    command: tuple[str, ...]
    probe: Probe | None = None
    files: tuple[File, ...] = ()
    keeps: bool = False  # has a volume at STATE
    cores: float | None = None  # None: whatever the machine has
    memory_mb: int = 256
    grace_s: int = 30  # to finish what is under way


@dataclass(frozen=True)
class Unit:
    """A component: its containers, and the ports that others may reach."""

    name: str
    role: str
    containers: tuple[Container, ...]
    ports: tuple[Port, ...] = ()
    address: str | None = None  # fixed, where others know it by number
    region: str | None = None
    once: bool = False  # runs to its end and is not started again

    @property
    def is_public(self) -> bool:
        return any(port.public is not None for port in self.ports)


@dataclass(frozen=True)
class Allowed:
    """`source` may open connections to ports of `target`."""

    source: str
    target: str
    ports: tuple[int, ...]


@dataclass
class Blueprint:
    """A rung, ready to be written down."""

    rung: str
    lesson: str
    units: list[Unit]
    allowed: list[Allowed] = field(default_factory=list)
    # Units that call servers which are none of ours, and at which ports.
    outside: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def unit(self, name: str) -> Unit:
        return next(unit for unit in self.units if unit.name == name)

    def targets_of(self, name: str) -> Sequence[Allowed]:
        return [rule for rule in self.allowed if rule.source == name]

    def sources_of(self, name: str) -> Sequence[Allowed]:
        return [rule for rule in self.allowed if rule.target == name]
