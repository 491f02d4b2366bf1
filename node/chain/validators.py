"""The validator set of one height, and the arithmetic of quorums.

n validators tolerate f = (n - 1) // 3 liars; a quorum is ceil(2n / 3). 2f + 1 would be
wrong off n = 3f + 1: with n = 6 two quorums of 3 need not intersect.
"""

from bisect import bisect_left
from dataclasses import dataclass, field

from node.primitives.keccak import keccak256
from node.primitives.types import Address, Hash32


def faulty_max(n: int) -> int:
    """How many of n validators may lie."""
    return (n - 1) // 3


def quorum(n: int) -> int:
    """How many of n validators decide."""
    return -(-2 * n // 3)


@dataclass(frozen=True, slots=True)
class ValidatorSet:
    """Addresses in ascending order, without duplicates; never empty."""

    addresses: tuple[Address, ...]
    members: frozenset[Address] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.addresses:
            raise ValueError("a validator set has at least one member")
        if list(self.addresses) != sorted(set(self.addresses)):
            raise ValueError("validators are sorted and distinct")
        object.__setattr__(self, "members", frozenset(self.addresses))

    @classmethod
    def of(cls, addresses: "list[Address] | tuple[Address, ...]") -> "ValidatorSet":
        """Sort and check."""
        return cls(tuple(sorted(addresses)))

    def __len__(self) -> int:
        return len(self.addresses)

    def __contains__(self, address: Address) -> bool:
        return address in self.members

    @property
    def quorum(self) -> int:
        """Signatures that decide."""
        return quorum(len(self.addresses))

    @property
    def faulty_max(self) -> int:
        """Liars tolerated."""
        return faulty_max(len(self.addresses))

    @property
    def digest(self) -> Hash32:
        """What the parent's `extra_data` holds: keccak of the joined addresses."""
        return keccak256(b"".join(self.addresses))

    def proposer(self, parent_coinbase: Address, round_: int) -> Address:
        """The proposer: the one after the parent's coinbase, and `round_` further.

        When that coinbase left the set, the next higher address takes its turn.
        """
        at = bisect_left(self.addresses, parent_coinbase)
        if parent_coinbase in self.members:
            at += 1
        return self.addresses[(at + round_) % len(self.addresses)]
