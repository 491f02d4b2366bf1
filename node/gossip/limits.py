"""How much gossip remembers, sends and asks for."""

from dataclasses import dataclass

from node.gossip.messages import MAX_BATCH_TRANSACTIONS

MAX_REQUEST_HASHES = MAX_BATCH_TRANSACTIONS
"""Hashes in one GetTransactions."""

MAX_WANTS = 16
"""Blocks whose missing transactions are asked for at a time."""

MAX_RELAY_PENDING = 32_768
"""Transactions of others that wait to be relayed; the oldest are given up first."""

MAX_BACKLOG = 4_096
"""Transactions that wait to be sent to one peer by repair."""

REPAIR_STEP = 16
"""Transactions that repair takes from the backlog between two looks at its limits."""


@dataclass(frozen=True, slots=True)
class GossipLimits:
    """Pace and memory of gossip."""

    flush_ms: int = 3
    """A local transaction waits at most this long for company."""
    flush_count: int = 256
    """So many leave at once."""
    relay_after_ms: int = 2_000
    """What came from a peer and still waits is offered to others after this time."""
    busy_count: int = 2_048
    """While more wait in the pool, nothing of others is relayed."""
    repair_interval_ms: int = 250
    repair_count: int = 256
    """Transactions sent to one peer per interval by repair."""
    repair_bytes: int = 1_000_000
    """And no more than this, give or take REPAIR_STEP transactions."""
    refill_after_ms: int = 5_000
    """A peer whose pool has been much smaller for this long is sent ours again."""
    seen_count: int = 32_768
    seen_bytes: int = 16_000_000
    """Size of one of the two generations of remembered transactions."""
    request_timeout_ms: int = 300
    """Then another peer is asked."""
