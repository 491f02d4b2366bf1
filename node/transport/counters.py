"""What the mesh counts: plain integers by kind, read at scrape time."""

from collections import Counter

from node.driver.ports import WireMessage
from node.transport.limits import MAX_LOGGED


class MeshCounters:
    """Messages and bytes by kind (the class name), refusals by reason."""

    def __init__(self) -> None:
        self.messages_sent: Counter[str] = Counter()
        self.messages_received: Counter[str] = Counter()
        self.bytes_sent: Counter[str] = Counter()
        self.bytes_received: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()

    def sent(self, message: WireMessage, size: int, copies: int) -> None:
        """A message was queued for so many peers."""
        kind = type(message).__name__
        self.messages_sent[kind] += copies
        self.bytes_sent[kind] += size * copies

    def received(self, message: WireMessage, size: int) -> None:
        """A message was decoded."""
        kind = type(message).__name__
        self.messages_received[kind] += 1
        self.bytes_received[kind] += size

    def refused(self, reason: str) -> bool:
        """Count a refusal or misbehaviour; whether it is the first for this reason."""
        if reason not in self.refusals and len(self.refusals) >= MAX_LOGGED:
            reason = "other"
        self.refusals[reason] += 1
        return self.refusals[reason] == 1

    def families(self) -> dict[str, dict[str, int]]:
        """Family -> kind -> count, under the names of `node.metrics`."""
        return {
            "peer_messages_sent": dict(self.messages_sent),
            "peer_messages_received": dict(self.messages_received),
            "peer_bytes_sent": dict(self.bytes_sent),
            "peer_bytes_received": dict(self.bytes_received),
            "peer_refusals": dict(self.refusals),
        }
