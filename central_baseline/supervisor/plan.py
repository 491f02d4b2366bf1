"""What a supervisor is to run: stages of components, and what to tell of them.

A rung makes a plan; the supervisor knows nothing else of rungs.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from central_baseline.supervisor.component import Component


class Fleet(Protocol):
    """The components under care, as a scaler sees them."""

    components: dict[str, Component]

    def adopt(self, component: Component) -> None:
        """Take a component into care; it is not started by this."""

    async def discard(self, name: str) -> None:
        """Stop a component and forget it."""


class Scaler(Protocol):
    """Changes how many components of a role there are."""

    async def scale(self, fleet: Fleet, count: int) -> None:
        """Return when `count` of them serve; UsageError for an impossible count."""


@dataclass(frozen=True)
class Endpoint:
    """An address for shoppers."""

    url: str
    component: str


@dataclass(frozen=True)
class Link:
    """Who connects to whom, where."""

    source: str
    target: str
    address: str


@dataclass
class Plan:
    """One rung, composed. Stages start one after the other, each at once."""

    rung: str
    stages: Sequence[Sequence[Component]]
    endpoints: Sequence[Endpoint]
    links: Sequence[Link]
    durability: str
    software: Mapping[str, str]
    scalers: dict[str, Scaler] = field(default_factory=dict)
    # Done again every second for as long as the rung lives, such as autoscaling.
    background: Sequence[Callable[[Fleet], Awaitable[None]]] = ()
    admin: Mapping[str, Any] = field(default_factory=dict)  # for admin.json
