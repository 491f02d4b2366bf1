"""What peers tell each other about transactions and about where they are."""

from dataclasses import dataclass

from node.primitives.types import Hash32

MAX_BATCH_TRANSACTIONS = 4_096
MAX_BATCH_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class TransactionBatch:
    """Raw transactions that the sender has admitted and believes new to the peer."""

    transactions: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class GetTransactions:
    """Ask for transactions by hash: those of a proposal that the asker lacks."""

    request_id: int
    hashes: tuple[Hash32, ...]


@dataclass(frozen=True, slots=True)
class Transactions:
    """Answer to GetTransactions: what the sender holds, in any order."""

    request_id: int
    transactions: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """Where the sender's chain stands; sent on connect and after commits."""

    height: int
    digest: Hash32
    pool_size: int
    has_log: bool = True
    """False: a validator whose safety log is missing or foreign, so it cannot sign."""
