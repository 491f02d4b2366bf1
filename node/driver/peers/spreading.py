"""Runs gossip, and tells peers where this node stands (after commits and regularly)."""

from collections.abc import Sequence

from node.driver.background import Alarm
from node.driver.context import Context
from node.gossip.gossip import Gossip
from node.gossip.messages import Status
from node.primitives.types import Address, Hash32


class Spreading:
    """`node.gossip.gossip` in this driver."""

    def __init__(self, context: Context, gossip: Gossip) -> None:
        self.gossip = gossip
        self._context = context
        self._alarm = Alarm(context.ports.clock, self._on_due)
        self._status_alarm = Alarm(context.ports.clock, self.announce)

    @property
    def status(self) -> Status:
        """What peers are told of this node."""
        context, header = self._context, self._context.head.header
        has_log = context.ports.safety.load().can_sign
        return Status(header.number, header.digest, len(context.pool), has_log)

    def announce(self) -> None:
        """Send the status to everyone, now and again after the interval."""
        self._context.ports.network.broadcast(self.status)
        interval_ms = self._context.settings.status_interval_ms
        self._status_alarm.set(self._context.now_ms + interval_ms)

    def on_connected(self, peer: Address) -> None:
        """A peer may lack what waits here."""
        self._context.ports.network.send(peer, self.status)
        self.gossip.on_connected(peer, self._context.now_ms)
        self._set_alarm()

    def on_disconnected(self, peer: Address) -> None:
        """A peer is gone."""
        self.gossip.on_disconnected(peer)

    def on_status(self, peer: Address, theirs: Status) -> None:
        """Its pool may be much smaller than ours."""
        self.gossip.on_status(peer, theirs, self.status, self._context.now_ms)
        self._set_alarm()

    def on_admitted(
        self, transactions: Sequence[tuple[Hash32, bytes]], origin: Address | None
    ) -> None:
        """The pool took these, from a peer or from a client (None)."""
        self.gossip.on_admitted(transactions, origin, self._context.now_ms)
        self._set_alarm()

    def close(self) -> None:
        """Send no more."""
        self._alarm.set(None)
        self._status_alarm.set(None)

    def _on_due(self) -> None:
        network = self._context.ports.network
        for outgoing in self.gossip.tick(self._context.now_ms):
            if outgoing.peer is None:
                network.broadcast(outgoing.message)
            else:
                network.send(outgoing.peer, outgoing.message)
        self._set_alarm()

    def _set_alarm(self) -> None:
        self._alarm.set(self.gossip.deadline_ms())
