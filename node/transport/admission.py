"""Who may be a peer: membership, scores and timed bans. Decides, never acts.

Admitted are the validators and candidates of the current state and an allowlist of
observers. A validator that was removed is not dialled any more and loses its
connection. Bans are by node key: strangers have no key here, connection limits hold
them; and several honest nodes may share one network address.
"""

from collections.abc import Iterable

from node.primitives.types import Address
from node.transport.limits import BAN_MS, MAX_SCORE, SCORE_RECOVERY_PER_S


class Admission:
    """All addresses in here are, or were, admitted by the chain or by the operator:
    nobody else can make it grow."""

    def __init__(self, observers: Iterable[Address]) -> None:
        self._observers = frozenset(observers)
        self._members: frozenset[Address] = frozenset()
        self._removed: dict[Address, None] = {}
        self._penalties: dict[Address, tuple[int, int]] = {}
        self._banned_until_ms: dict[Address, int] = {}

    def set_members(self, members: Iterable[Address]) -> None:
        """The validators and candidates are these now."""
        listed = list(members)
        before = self._members
        self._members = frozenset(listed)
        for address in sorted(before - self._members):
            self._removed[address] = None
        for address in listed:
            self._removed.pop(address, None)

    def may_connect(self, address: Address) -> bool:
        """Whether an incoming peer is welcome (bans apart)."""
        return address in self._members or address in self._observers

    def may_dial(self, address: Address) -> bool:
        """Whether to dial somebody of the operator's list.

        An address that was never a member may be one in a state that this node has yet
        to reach.
        """
        return self.may_connect(address) or address not in self._removed

    def ban_left_ms(self, address: Address, at_ms: int) -> int:
        """How long the peer is still banned; 0 when it is not."""
        return max(0, self._banned_until_ms.get(address, at_ms) - at_ms)

    def penalize(self, address: Address, points: int, at_ms: int) -> bool:
        """Count misbehaviour; True when that bans the peer from now on."""
        before, since_ms = self._penalties.get(address, (0, at_ms))
        recovered = (at_ms - since_ms) * SCORE_RECOVERY_PER_S // 1_000
        score = max(0, before - recovered) + points
        if score < MAX_SCORE:
            self._penalties[address] = (score, at_ms)
            return False
        self._penalties.pop(address, None)
        self._banned_until_ms[address] = at_ms + BAN_MS
        return True
