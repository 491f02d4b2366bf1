"""How much a pool holds and for how long."""

from dataclasses import dataclass

MAX_QUARANTINED = 4_096
"""Hashes remembered as refused for good; the oldest are forgotten first."""

EXPIRE_INTERVAL_MS = 5_000
"""Lifetimes are looked at no more often than this: it walks the whole pool."""

MINIMUM_GAS = 21_000
"""No transaction costs less: a selection with less room left is complete."""


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Settings of `[txpool]`; reaching one has a consequence that the pool reports."""

    transactions: int = 20_000
    bytes: int = 64_000_000
    per_sender: int = 2_048
    gapped_per_sender: int = 1_024
    gapped_share: float = 0.25
    """Part of `transactions` that may wait behind a missing nonce."""
    lifetime_ms: int = 3 * 3_600_000
    gapped_lifetime_ms: int = 600_000
    stuck_ms: int = 3_000
    """Zero base fee only: after waiting this long, an equal price replaces."""
    price_bump_percent: int = 10
    min_priority_fee: int = 0
    """Wei per gas below which nothing is admitted."""
    transaction_gas: int = 30_000_000
    """The block gas limit: more can never be included."""
    reserved_share: float = 1 / 8
    """Part of `transactions` and `bytes` that this node's own clients cannot use: it is
    for what other validators have admitted."""
    evict_share: float = 1 / 256
    """Part of a full pool that one search for worse transactions frees at most."""

    def room(self, is_local: bool) -> tuple[int, int]:
        """(transactions, bytes) that those of clients here, or of peers, may fill."""
        share = 1 - self.reserved_share if is_local else 1
        return int(self.transactions * share), int(self.bytes * share)

    @property
    def gapped(self) -> int:
        """Transactions that may wait behind a missing nonce, all senders together."""
        return int(self.transactions * self.gapped_share)
