"""The gossip scheme: push once, no echo, slow bounded repair."""

from node.gossip.gossip import Gossip
from node.gossip.limits import MAX_RELAY_PENDING, REPAIR_STEP, GossipLimits
from node.gossip.messages import (
    MAX_BATCH_BYTES,
    MAX_BATCH_TRANSACTIONS,
    GetTransactions,
    Status,
    TransactionBatch,
)
from node.primitives.keccak import keccak256
from node.primitives.types import ZERO_HASH, Address
from tests.node.gossip.mesh import GossipMesh, ListPool

PEER = Address(b"\x07" * 20)
OTHER = Address(b"\x08" * 20)


def raws(count: int, prefix: bytes = b"tx") -> list[bytes]:
    return [prefix + b"%d" % n for n in range(count)]


def test_a_local_transaction_reaches_everyone_in_exactly_one_copy_each() -> None:
    mesh = GossipMesh(4)
    mesh.link_all()
    mesh.submit(0, *raws(10))
    mesh.advance(10)
    for raw in raws(10):
        assert mesh.holders(raw) == [0, 1, 2, 3]
    assert [node.copies for node in mesh.nodes] == [0, 10, 10, 10]


def test_transactions_that_were_included_in_time_are_never_repeated() -> None:
    mesh = GossipMesh(4)
    mesh.link_all()
    mesh.submit(0, *raws(10))
    mesh.advance(500)
    for node in mesh.nodes:
        node.pool.held.clear()
    mesh.advance(10_000, step_ms=50)
    assert [node.copies for node in mesh.nodes] == [0, 10, 10, 10]


def test_a_batch_leaves_when_its_first_has_waited_or_when_it_is_full() -> None:
    pool = ListPool()
    gossip = Gossip(pool, GossipLimits(flush_ms=5, flush_count=3))
    gossip.on_connected(PEER, 0)
    assert gossip.deadline_ms() is None
    gossip.on_admitted([(ZERO_HASH, b"a")], None, 100)
    assert gossip.deadline_ms() == 105
    gossip.on_admitted([(ZERO_HASH, b"b")], None, 103)
    assert gossip.tick(104) == []
    (sent,) = gossip.tick(105)
    assert sent.peer is None
    assert sent.message == TransactionBatch((b"a", b"b"))
    gossip.on_admitted([(ZERO_HASH, raw) for raw in (b"c", b"d", b"e")], None, 200)
    assert gossip.deadline_ms() == 200
    assert len(gossip.tick(200)) == 1


def test_a_batch_too_large_for_one_message_is_split() -> None:
    gossip = Gossip(ListPool())
    gossip.on_connected(PEER, 0)
    many = raws(MAX_BATCH_TRANSACTIONS + 1)
    gossip.on_admitted([(ZERO_HASH, raw) for raw in many], None, 0)
    parts = [sent.message.transactions for sent in gossip.tick(10)]
    assert [len(part) for part in parts] == [MAX_BATCH_TRANSACTIONS, 1]
    large = [bytes([n]) * (MAX_BATCH_BYTES // 2) for n in range(3)]
    gossip.on_admitted([(ZERO_HASH, raw) for raw in large], None, 20)
    parts = [sent.message.transactions for sent in gossip.tick(30)]
    assert [len(part) for part in parts] == [2, 1]


def test_nothing_goes_back_to_where_it_came_from() -> None:
    pool = ListPool()
    gossip = Gossip(pool, GossipLimits(relay_after_ms=100))
    gossip.on_connected(PEER, 0)
    gossip.on_connected(OTHER, 0)
    pool.put(b"a")
    gossip.on_admitted([(keccak256(b"a"), b"a")], PEER, 0)
    sent = [item for at in range(0, 3_000, 50) for item in gossip.tick(at)]
    assert [(item.peer, item.message) for item in sent] == [
        (OTHER, TransactionBatch((b"a",)))
    ]


def test_a_duplicate_is_screened_and_teaches_who_has_it() -> None:
    pool = ListPool()
    gossip = Gossip(pool, GossipLimits(relay_after_ms=100))
    gossip.on_connected(PEER, 0)
    gossip.on_connected(OTHER, 0)
    assert gossip.screen(PEER, [b"a", b"b"]) == [b"a", b"b"]
    pool.put(b"a")
    gossip.on_admitted([(keccak256(b"a"), b"a")], PEER, 0)
    assert gossip.screen(OTHER, [b"a", b"b"]) == [b"b"]
    assert [item for at in range(0, 3_000, 50) for item in gossip.tick(at)] == []


def test_what_was_pushed_is_recognised_when_somebody_sends_it_back() -> None:
    gossip = Gossip(ListPool())
    gossip.on_connected(PEER, 0)
    gossip.on_admitted([(ZERO_HASH, b"a")], None, 0)
    gossip.tick(10)
    assert gossip.screen(PEER, [b"a"]) == []


def test_repair_sends_nothing_twice_to_one_peer() -> None:
    pool = ListPool()
    gossip = Gossip(pool, GossipLimits(relay_after_ms=100, repair_interval_ms=10))
    gossip.on_connected(PEER, 0)
    pool.put(b"a")
    gossip.on_admitted([(keccak256(b"a"), b"a")], PEER, 0)
    gossip.on_connected(OTHER, 50)  # sent to it now; at 100 its relay is due
    sent = [item for at in range(50, 1_000, 10) for item in gossip.tick(at)]
    assert [item.peer for item in sent] == [OTHER]


def test_without_a_full_mesh_repair_carries_transactions_on() -> None:
    mesh = GossipMesh(4)
    mesh.link((0, 1), (1, 2), (2, 3))
    mesh.submit(0, *raws(5))
    mesh.advance(100)
    assert mesh.holders(b"tx0") == [0, 1]
    mesh.advance(6_000, step_ms=50)
    for raw in raws(5):
        assert mesh.holders(raw) == [0, 1, 2, 3]


def test_a_peer_that_reconnects_is_sent_what_it_lacks() -> None:
    mesh = GossipMesh(3)
    mesh.link_all()
    mesh.cut(0, 2)
    mesh.cut(1, 2)
    mesh.submit(0, *raws(3))
    mesh.submit(1, *raws(3, b"other"))
    mesh.advance(20)
    assert mesh.holders(b"tx0") == [0, 1]
    mesh.link((0, 2))
    mesh.advance(1_000, step_ms=50)
    for raw in raws(3) + raws(3, b"other"):
        assert mesh.holders(raw) == [0, 1, 2]


def test_repair_is_paced_and_bounded() -> None:
    pool = ListPool()
    for raw in raws(25):
        pool.put(raw)
    gossip = Gossip(pool, GossipLimits(repair_count=10, repair_interval_ms=100))
    gossip.on_connected(PEER, 0)
    sizes = []
    while (deadline := gossip.deadline_ms()) is not None:
        sent = gossip.tick(deadline)
        sizes.append((deadline, sum(len(s.message.transactions) for s in sent)))
    assert sizes == [(0, 10), (100, 10), (200, 5)]


def test_repair_is_bounded_by_bytes_too() -> None:
    pool = ListPool()
    for n in range(3 * REPAIR_STEP):
        pool.put(bytes([n]) * 1_000)
    limits = GossipLimits(repair_bytes=REPAIR_STEP * 1_000, repair_interval_ms=100)
    gossip = Gossip(pool, limits)
    gossip.on_connected(PEER, 0)
    counts = [
        sum(len(s.message.transactions) for s in gossip.tick(at_ms))
        for at_ms in (0, 100, 200, 300)
    ]
    assert counts == [REPAIR_STEP] * 3 + [0]


def test_repair_skips_what_was_included_meanwhile() -> None:
    pool = ListPool()
    for raw in raws(4):
        pool.put(raw)
    gossip = Gossip(pool)
    gossip.on_connected(PEER, 0)
    del pool.held[keccak256(b"tx1")]
    (sent,) = gossip.tick(0)
    assert sent.message == TransactionBatch((b"tx0", b"tx2", b"tx3"))


def test_a_busy_node_relays_nothing_until_its_pool_has_shrunk() -> None:
    limits = GossipLimits(relay_after_ms=50, repair_interval_ms=10, busy_count=8)
    mesh = GossipMesh(3, limits)
    mesh.link((0, 1), (1, 2))  # what 0 has reaches 2 through 1 alone
    wanted = raws(10)
    mesh.submit(0, *wanted)
    mesh.advance(500)
    assert mesh.holders(wanted[9]) == [0, 1]
    for raw in wanted[:4]:
        del mesh.nodes[1].pool.held[keccak256(raw)]
    mesh.advance(100)
    assert mesh.holders(wanted[9]) == [0, 1, 2]
    assert mesh.nodes[1].gossip.relay_count == 0


def test_what_waits_to_be_relayed_is_bounded() -> None:
    pool = ListPool()
    gossip = Gossip(pool, GossipLimits())
    for first in range(0, MAX_RELAY_PENDING + 3_000, 1_000):
        new = [(keccak256(b"%d" % at), b"%d" % at) for at in range(first, first + 1000)]
        gossip.on_admitted(new, OTHER, first)
        assert gossip.relay_count <= MAX_RELAY_PENDING
    assert gossip.relay_count > MAX_RELAY_PENDING - 1_000


def test_a_peer_whose_pool_stays_much_smaller_is_sent_ours_again() -> None:
    pool = ListPool()
    for raw in raws(4):
        pool.put(raw)
    gossip = Gossip(pool, GossipLimits(refill_after_ms=1_000))
    gossip.on_connected(PEER, 0)
    gossip.tick(0)
    ours = Status(9, ZERO_HASH, 4)
    lacking = Status(9, ZERO_HASH, 1)
    gossip.on_status(PEER, lacking, ours, 1_000)
    gossip.on_status(PEER, Status(9, ZERO_HASH, 2), ours, 1_500)  # half is near enough
    gossip.on_status(PEER, lacking, ours, 2_000)
    gossip.on_status(PEER, lacking, ours, 2_999)
    assert gossip.tick(2_999) == []
    gossip.on_status(PEER, lacking, ours, 3_000)
    (sent,) = gossip.tick(3_000)
    assert sent.message == TransactionBatch(tuple(raws(4)))
    far = Status(50, ZERO_HASH, 0)
    for at_ms in (4_000, 5_000, 6_000):
        gossip.on_status(PEER, far, ours, at_ms)
    assert gossip.tick(6_000) == []


def test_an_answer_holds_what_is_there_within_the_limit_of_bytes() -> None:
    pool = ListPool()
    large = [bytes([n]) * (MAX_BATCH_BYTES // 2) for n in range(3)]
    for raw in large[:2]:
        pool.put(raw)
    gossip = Gossip(pool)
    hashes = tuple(keccak256(raw) for raw in large)
    absent = keccak256(b"absent")
    answer = gossip.answer(GetTransactions(7, (absent, *hashes[:2])), {})
    assert answer.request_id == 7
    assert answer.transactions == tuple(large[:2])
    body = {hashes[2]: large[2]}
    answer = gossip.answer(GetTransactions(8, (hashes[2], *hashes[:2])), body)
    assert answer.transactions == (large[2], large[0])


def test_a_peer_that_came_back_is_a_new_one() -> None:
    mesh = GossipMesh(2)
    mesh.link_all()
    mesh.submit(0, b"tx0")
    mesh.advance(10)
    mesh.cut(0, 1)
    mesh.nodes[1].pool.held.clear()  # it restarted: its pool is empty
    mesh.nodes[1].gossip = Gossip(mesh.nodes[1].pool)
    mesh.link((0, 1))
    mesh.advance(300)
    assert mesh.holders(b"tx0") == [0, 1]
