"""What a target says of itself: endpoints, control socket, components and links.

Both worlds' supervisors write one `descriptor.json`; the bench owns its schema. The
bench learns nothing of a target in any other way: no pid, no path, no import. Unknown
fields are refused, so that a newer writer cannot be half understood.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.fields import Fields

SCHEMA = 1
DETECTION = "failure detection"  # in `software`: when what died silently is noticed
WORLDS = ("chain", "central")
PROTOCOLS = ("jsonrpc", "http")
SOCKET_PATH_BYTES_MAX = 100  # sun_path holds 108 with its terminating zero


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where clients may go, and which component answers there."""

    url: str
    protocol: str
    component: str


@dataclass(frozen=True, slots=True)
class Component:
    """One unit of failure as the supervisor names it."""

    name: str
    role: str
    address: str | None = None  # a validator's account, where it has one


@dataclass(frozen=True, slots=True)
class Link:
    """A connection between two components, by the address it is dialled at."""

    source: str
    target: str
    address: str


@dataclass(frozen=True, slots=True)
class ChainFacts:
    """What a client must know to verify a chain: its id and its genesis."""

    chain_id: int
    genesis_hash: str
    genesis: str


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A running target. `control` is None for one that is only known by URL."""

    world: str
    rung: str
    endpoints: tuple[Endpoint, ...]
    control: str | None
    components: tuple[Component, ...]
    links: tuple[Link, ...]
    chain: ChainFacts | None
    durability: str
    software: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """The descriptor as its own schema writes it, for the run's store."""
        data = {"schema": SCHEMA, **asdict(self)}
        data["links"] = [
            {"from": link.source, "to": link.target, "address": link.address}
            for link in self.links
        ]
        if self.chain is None:
            del data["chain"]
        return data

    def component_with(self, roles: tuple[str, ...]) -> Component | None:
        """The first component with the earliest role of the list, in that order."""
        for role in roles:
            for component in self.components:
                if component.role == role:
                    return component
        return None


def load_descriptor(path: Path) -> Descriptor:
    """Read and validate a descriptor file; BenchError says what is wrong."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BenchError(
            f"{path} does not exist; is the target up? Its supervisor writes it"
        ) from None
    except ValueError as error:
        raise BenchError(f"{path} is not valid JSON: {error}") from None
    return parse_descriptor(data, str(path))


def parse_descriptor(data: object, where: str = "descriptor") -> Descriptor:
    """Validate decoded JSON; the error names the first wrong field."""
    fields = Fields(data, where)
    schema = fields.integer("schema")
    if schema != SCHEMA:
        raise BenchError(f"{where}: schema {schema} is unknown; this bench reads 1")
    world = fields.choice("world", WORLDS)
    descriptor = Descriptor(
        world=world,
        rung=fields.text("rung"),
        endpoints=tuple(_endpoint(item) for item in fields.list_of("endpoints")),
        control=_control(fields),
        components=tuple(_component(item) for item in fields.list_of("components")),
        links=tuple(_link(item) for item in fields.list_of("links", [])),
        chain=_chain(fields) if world == "chain" else None,
        durability=fields.text("durability"),
        software=_software(fields),
    )
    fields.finish()
    _validate_names(descriptor, where)
    return descriptor


def _endpoint(fields: Fields) -> Endpoint:
    url = fields.text("url")
    if not url.startswith(("http://", "https://")):
        raise BenchError(
            f"{fields.where}.url: http:// or https:// is needed, not {url}"
        )
    endpoint = Endpoint(
        url.rstrip("/"), fields.choice("protocol", PROTOCOLS), fields.text("component")
    )
    fields.finish()
    return endpoint


def _component(fields: Fields) -> Component:
    component = Component(
        fields.text("name"), fields.text("role"), fields.take("address", None)
    )
    fields.finish()
    return component


def _link(fields: Fields) -> Link:
    link = Link(fields.text("from"), fields.text("to"), fields.text("address"))
    fields.finish()
    return link


def _control(fields: Fields) -> str | None:
    path = fields.take("control", None)
    if path is None:
        return None
    if not isinstance(path, str) or not path.startswith("/"):
        raise BenchError(f"{fields.where}.control: an absolute path is needed")
    if len(path.encode()) >= SOCKET_PATH_BYTES_MAX:
        raise BenchError(
            f"{fields.where}.control: longer than a Unix socket allows; "
            "use a target directory with a shorter path"
        )
    return path


def _chain(fields: Fields) -> ChainFacts:
    inner = fields.inner("chain")
    facts = ChainFacts(
        inner.integer("chain_id", low=1),
        inner.text("genesis_hash"),
        inner.text("genesis", ""),
    )
    inner.finish()
    return facts


def _software(fields: Fields) -> dict[str, str]:
    table = fields.take("software", {})
    if not isinstance(table, dict):
        raise BenchError(f"{fields.where}.software: a table of versions is needed")
    return {str(name): str(version) for name, version in table.items()}


def _validate_names(descriptor: Descriptor, where: str) -> None:
    names = [component.name for component in descriptor.components]
    if len(set(names)) != len(names):
        raise BenchError(f"{where}: two components have the same name")
    if not descriptor.endpoints:
        raise BenchError(f"{where}: a target without an endpoint cannot be measured")
    used = {endpoint.component for endpoint in descriptor.endpoints}
    used |= {name for link in descriptor.links for name in (link.source, link.target)}
    unknown = sorted(used - set(names))
    if unknown and names:
        raise BenchError(f"{where}: component '{unknown[0]}' is not in components")
