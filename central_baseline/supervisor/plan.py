"""What a supervisor is to run: lanes of components, and what to tell of them.

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


Stages = Sequence[Sequence[Component]]


async def _nothing() -> None:
    """Nothing is to be done before."""


async def _at_once() -> bool:
    """What runs serves."""
    return True


@dataclass
class Plan:
    """One rung, composed. Lanes start all at once; in each lane its stages one after
    the other, the components of a stage together."""

    rung: str
    lanes: Sequence[Stages]
    endpoints: Sequence[Endpoint]
    links: Sequence[Link]
    durability: str
    software: Mapping[str, str]
    scalers: dict[str, Scaler] = field(default_factory=dict)
    # Done again every second for as long as the rung lives, such as autoscaling.
    background: Sequence[Callable[[Fleet], Awaitable[None]]] = ()
    admin: Mapping[str, Any] = field(default_factory=dict)  # for admin.json
    # Done before anything starts, such as making an existing database ready.
    before: Callable[[], Awaitable[None]] = _nothing
    # Asked once all components are up: lanes may still have to find each other.
    is_serving: Callable[[], Awaitable[bool]] = _at_once

    @property
    def stages(self) -> Stages:
        """All lanes, one after the other; what is stopped first stands last."""
        return [stage for lane in self.lanes for stage in lane]
