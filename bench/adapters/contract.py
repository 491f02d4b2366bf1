"""What the bench asks of a target, in words that both worlds can answer.

An adapter turns one operation of a session into the requests that a client of its world
would send, once; patience, timeouts and retries belong to the load generator, so that
they are the same for every target. Three outcomes, never two: `ok` is acknowledged in
the target's own sense of durable, `failed` certainly had no effect, and `unknown` may
have had one. Nobody may call an unknown outcome a failure.

Source of the three outcomes: Jepsen's ok, fail and info.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from bench.workload.plan import Session, Step

Progress = Callable[[str], None]


class Outcome(StrEnum):
    """How an operation or one attempt of it ended."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Operation:
    """One step under way. The adapter fills in what it learns while it works, so that
    an attempt that is cut off at its deadline still leaves it behind.

    `order` is the order to track. `accepted_ns` is when a node or server first said it
    had taken the request, on the monotonic clock.
    """

    session: Session
    position: int
    step: Step
    order: str | None
    attempt: int = 0
    accepted_ns: int | None = None
    memory: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """How one attempt ended. `retryable` says that trying again by the same key makes
    sense; `order` and `amount` name what was placed; `final_ns` is when the target's
    acknowledgement arrived, if not now."""

    outcome: Outcome
    retryable: bool = False
    order: str | None = None
    amount: int | None = None
    error: str | None = None
    final_ns: int | None = None


@dataclass(frozen=True, slots=True)
class OrderFact:
    """One order as the target tells it after the run. `customer` is -1 if it is none of
    the run's customers; `amount` is in the smallest unit."""

    order: str
    reference: str
    customer: int
    status: str
    amount: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Witness:
    """One component asked on its own: what it holds, as a digest and counts."""

    component: str
    orders: int
    position: str
    digest: str


@dataclass(frozen=True, slots=True)
class Audit:
    """What the target holds after the run, read through its own interface.

    `held` is the money the target says it holds for all orders together; `stock_taken`
    how many candles left the shelf, by the target's own stock figures.
    """

    orders: tuple[OrderFact, ...]
    held: int | None
    stock_taken: int | None
    stock_lowest: int | None
    witnesses: tuple[Witness, ...] = ()


@dataclass(frozen=True, slots=True)
class Design:
    """One candle on sale: its three options and the unit price."""

    shape: int
    size: int
    scent: int
    price: int


class Adapter(Protocol):
    """A client of one target. Opened before provisioning and closed after the audit."""

    reads: str  # what a read is worth: "server", "node", "quorum" or "proof"

    async def open(self) -> None:
        """Connect; BenchError says what is wrong with the target."""

    async def catalogue(self) -> Sequence[Design]:
        """What is on sale, in the order of (shape, size, scent)."""

    async def provision(
        self, plan: Sequence[Session], customers: int, progress: Progress
    ) -> dict[str, float]:
        """Make everything a shopper would have before coming: accounts, sessions, keys,
        money, signatures. Returns what that took, as named figures."""

    def accounts(self) -> dict[str, int]:
        """The customers that were provisioned, by the target's own name for each."""

    def adopt(self, accounts: dict[str, int]) -> None:
        """In place of provision(): customers that other clients provisioned, so that
        an audit made by this one knows whose orders it reads."""

    async def perform(self, operation: Operation) -> Answer:
        """One attempt at one operation. Raises nothing but cancellation."""

    async def audit(self) -> Audit:
        """Read back every order, the money and the stock."""

    def observations(self) -> list[dict[str, Any]]:
        """What else was seen during the load (blocks of a chain), as plain records."""

    async def close(self) -> None:
        """Close connections; the target goes on."""
