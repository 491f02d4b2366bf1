"""What goes into a pool and what comes out: typed, with geth's words for refusals."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from node.primitives.types import Address, Hash32


class TxInfo(Protocol):
    """What the pool needs of a recovered transaction (the executor's TxInfo fits).

    `max_cost` is value + gas limit * max fee, in wei.
    """

    @property
    def hash(self) -> Hash32: ...
    @property
    def sender(self) -> Address: ...
    @property
    def nonce(self) -> int: ...
    @property
    def gas_limit(self) -> int: ...
    @property
    def max_fee(self) -> int: ...
    @property
    def priority_fee(self) -> int: ...
    @property
    def max_cost(self) -> int: ...


class Entry(NamedTuple):
    """One waiting transaction; `seq` counts admissions, `at_ms` is when."""

    info: TxInfo
    raw: bytes
    seq: int
    at_ms: int


class Refusal(StrEnum):
    """Why a transaction was not admitted; libraries match on these words."""

    ALREADY_KNOWN = "already known"
    NONCE_TOO_LOW = "nonce too low"
    UNDERPRICED = "transaction underpriced"
    REPLACEMENT_UNDERPRICED = "replacement transaction underpriced"
    INSUFFICIENT_FUNDS = "insufficient funds for gas * price + value"
    GAS_LIMIT = "exceeds block gas limit"
    POOL_FULL = "txpool is full"
    SENDER_LIMIT = "account limit exceeded"
    GAP_LIMIT = "too many transactions behind a missing nonce"
    QUARANTINED = "transaction was refused by the executor"


@dataclass(frozen=True, slots=True)
class Admission:
    """The answer to one transaction: admitted (`refusal` is None) or why not."""

    refusal: Refusal | None = None
    detail: str = ""
    replaced: Hash32 | None = None
    """The transaction of the same sender and nonce that this one took the place of."""

    @property
    def ok(self) -> bool:
        """Whether the pool holds the transaction because of this call."""
        return self.refusal is None

    @property
    def message(self) -> str:
        """For the sender: geth's words, then the numbers."""
        if self.refusal is None:
            return ""
        return f"{self.refusal}: {self.detail}" if self.detail else str(self.refusal)


ADMITTED = Admission()


class DropReason(StrEnum):
    """Why a transaction that had been admitted is gone without being included."""

    REPLACED = "replaced by a transaction with a higher price"
    NONCE_USED = "another transaction used its nonce"
    UNPAYABLE = "its sender can no longer pay for it"
    EVICTED = "made room in a full pool"
    EXPIRED = "waited for its lifetime"
    QUARANTINED = "refused by the executor"


@dataclass(frozen=True, slots=True)
class Dropped:
    """The trace of a transaction that left the pool without being included."""

    hash: Hash32
    reason: DropReason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AddResult:
    """One admission per entry, in order, and what left the pool to make it so."""

    admissions: list[Admission]
    dropped: list[Dropped]


@dataclass(frozen=True, slots=True)
class Selection:
    """Transactions for a block in execution order; both lists have one length."""

    hashes: list[Hash32]
    raws: list[bytes]


@dataclass(frozen=True, slots=True)
class Content:
    """The pool by sender, in nonce order: executable, and behind a missing nonce."""

    pending: dict[Address, list[Entry]]
    queued: dict[Address, list[Entry]]


def effective_tip(info: TxInfo, base_fee: int) -> int:
    """Wei per gas for the proposer; negative when the base fee is not covered."""
    return min(info.priority_fee, info.max_fee - base_fee)
