"""What the mesh counts."""

from node.gossip.messages import Status
from node.metrics import LABELS
from node.primitives.types import ZERO_HASH
from node.transport.counters import MeshCounters
from node.transport.limits import MAX_LOGGED


def test_messages_and_bytes_are_counted_by_kind() -> None:
    counters = MeshCounters()
    counters.sent(Status(1, ZERO_HASH, 0), 40, copies=3)
    counters.received(Status(1, ZERO_HASH, 0), 40)
    assert counters.families() == {
        "peer_messages_sent": {"Status": 3},
        "peer_messages_received": {"Status": 1},
        "peer_bytes_sent": {"Status": 120},
        "peer_bytes_received": {"Status": 40},
        "peer_refusals": {},
    }
    assert set(counters.families()) <= set(LABELS)


def test_each_reason_is_new_once_and_their_number_is_bounded() -> None:
    counters = MeshCounters()
    assert counters.refused("no proof")
    assert not counters.refused("no proof")
    news = sum(counters.refused(f"junk {n}") for n in range(1_000))
    assert news == MAX_LOGGED
    assert len(counters.refusals) == MAX_LOGGED + 1
    assert sum(counters.refusals.values()) == 1_002
