"""How many validators have lost their safety logs, and when that is too many.

A validator whose log is missing or foreign follows and does not sign: up to f of those
are as good as silent. When more than f have none, no protocol is both safe and live:
what they signed is known to nobody, and without them there is no quorum. Such a node
ends (exit code 3) and says so; only `chandlery recover`, run for each of them, lets
them sign again. Each node says of itself in its Status whether it has its log. A node
that has its own keeps running, whatever others say.
"""

from collections.abc import Callable

from node.chain.validators import faulty_max
from node.driver.background import Alarm
from node.driver.context import Context
from node.driver.loop import RefusedForSafety
from node.gossip.messages import Status
from node.primitives.types import Address

INTERVALS_TO_TELL = 2
"""Status intervals from knowing it to ending: the others must hear of our loss too."""


class LostLogs:
    """Counts the losses that validators report; `refuse` ends the node."""

    def __init__(self, context: Context, refuse: Callable[[Exception], None]) -> None:
        self._context = context
        self._refuse = refuse
        self._lost: dict[Address, None] = {}
        self._alarm = Alarm(context.ports.clock, self._on_due)
        self._is_waiting = False

    def start(self) -> None:
        """A set so small that one loss is too many shows at once."""
        self._look()

    def on_status(self, peer: Address, status: Status) -> None:
        """A peer says whether it has its log. What it said last counts."""
        if status.has_log:
            self._lost.pop(peer, None)
        elif peer in self._context.head.validators:
            self._lost[peer] = None
        self._look()

    def close(self) -> None:
        """Wait for nothing any more."""
        self._alarm.set(None)

    def _count(self) -> int:
        """Validators without a log; 0 while this node has its own, or needs none."""
        context = self._context
        own, validators = context.ports.signer.address, context.head.validators
        if context.ports.safety.load().can_sign or own not in validators:
            return 0
        return 1 + sum(peer in validators for peer in self._lost if peer != own)

    def _is_too_many(self) -> bool:
        return self._count() > faulty_max(len(self._context.head.validators))

    def _look(self) -> None:
        if not self._is_too_many():
            self._alarm.set(None)
            self._is_waiting = False
        elif not self._is_waiting:
            interval_ms = self._context.settings.status_interval_ms
            can_wait = bool(faulty_max(len(self._context.head.validators)))
            wait_ms = INTERVALS_TO_TELL * interval_ms if can_wait else 0
            self._alarm.set(self._context.now_ms + wait_ms)
            self._is_waiting = True

    def _on_due(self) -> None:
        self._is_waiting = False
        if not self._is_too_many():
            return
        validators = self._context.head.validators
        self._refuse(
            RefusedForSafety(
                f"{self._count()} of {len(validators)} validators, this one included, "
                "have no safety log of their own; at most "
                f"{faulty_max(len(validators))} may lack it. Nothing can be agreed "
                "upon safely: stop all nodes, find the newest block that any of them "
                "holds (`chandlery status`), then run `chandlery recover NODE_DIR "
                "--above HEIGHT` with its height for each that lost its log"
            )
        )
