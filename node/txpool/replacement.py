"""When a transaction takes the place of another of the same sender and nonce.

As in geth, both fees must rise by a percentage. With a zero base fee a percentage of
nothing is nothing: there, neither fee may fall and one must rise by at least a wei; and
since a sender of free transactions may own no wei, an equal price replaces a
transaction that has been stuck for a while. That bounds churn to one replacement per
nonce and while.
"""

from dataclasses import dataclass

from node.txpool.entries import Entry, TxInfo


@dataclass(frozen=True, slots=True)
class ReplacementRule:
    """The rule of one network."""

    zero_base_fee: bool
    price_bump_percent: int
    stuck_ms: int

    def outbids(self, info: TxInfo, old: Entry, at_ms: int) -> bool:
        """Whether `info` may take the place of `old` now."""
        max_fee, priority_fee = old.info.max_fee, old.info.priority_fee
        if info.max_fee < max_fee or info.priority_fee < priority_fee:
            return False
        raised = info.max_fee > max_fee, info.priority_fee > priority_fee
        if self.zero_base_fee:
            return any(raised) or at_ms - old.at_ms >= self.stuck_ms
        factor = 100 + self.price_bump_percent
        return (
            all(raised)
            and info.max_fee * 100 >= max_fee * factor
            and info.priority_fee * 100 >= priority_fee * factor
        )
