"""Header rules of a dev chain: those of every chain, but the next base fee may be set."""

from dataclasses import dataclass

from node.chain.header import Header
from node.chain.header_rules import HeaderRules


@dataclass(frozen=True, slots=True)
class DevRules(HeaderRules):
    """`next_base_fee` is what the block after the head pays, when it was set."""

    next_base_fee: int | None = None

    def base_fee_after(self, parent: Header) -> int:
        """See HeaderRules."""
        if self.next_base_fee is not None:
            return self.next_base_fee
        # Not super(): dataclasses with slots are made anew, and super() loses them.
        return HeaderRules.base_fee_after(self, parent)
