"""Asking for the transactions of proposed blocks."""

from node.gossip.fetcher import Fetcher
from node.gossip.gossip import Outgoing
from node.gossip.limits import MAX_REQUEST_HASHES, MAX_WANTS, GossipLimits
from node.gossip.messages import GetTransactions
from node.primitives.keccak import keccak256
from node.primitives.types import Address, Hash32

A, B, C = (Address(bytes([n]) * 20) for n in (1, 2, 3))
PEERS = [A, B, C]
BLOCK = keccak256(b"block")
HASHES = [keccak256(b"%d" % n) for n in range(5)]


def asked(outgoing: list[Outgoing]) -> tuple[Address, int, tuple[Hash32, ...]]:
    (one,) = outgoing
    assert one.peer is not None
    assert isinstance(one.message, GetTransactions)
    return one.peer, one.message.request_id, one.message.hashes


def fetcher() -> Fetcher:
    return Fetcher(GossipLimits(request_timeout_ms=100))


def test_the_proposer_is_asked_first_and_completes_the_block() -> None:
    fetch = fetcher()
    peer, request_id, hashes = asked(fetch.want(BLOCK, HASHES, B, 0))
    assert (peer, list(hashes)) == (B, HASHES)
    assert fetch.on_answer(B, request_id, HASHES, 10, PEERS) == ([BLOCK], [])
    assert len(fetch) == 0
    assert fetch.deadline_ms() is None


def test_a_block_is_asked_for_once() -> None:
    fetch = fetcher()
    fetch.want(BLOCK, HASHES, B, 0)
    assert fetch.want(BLOCK, HASHES, C, 0) == []
    assert fetch.want(keccak256(b"whole"), [], B, 0) == []
    assert len(fetch) == 1


def test_who_answers_in_part_is_asked_for_the_rest_at_once() -> None:
    fetch = fetcher()
    _, request_id, _ = asked(fetch.want(BLOCK, HASHES, B, 0))
    complete, more = fetch.on_answer(B, request_id, HASHES[:3], 10, PEERS)
    assert complete == []
    peer, _, hashes = asked(more)
    assert (peer, list(hashes)) == (B, HASHES[3:])


def test_who_has_nothing_or_stays_silent_makes_place_for_the_next() -> None:
    fetch = fetcher()
    _, request_id, _ = asked(fetch.want(BLOCK, HASHES, B, 0))
    _, more = fetch.on_answer(B, request_id, [], 10, PEERS)
    peer, _, _ = asked(more)
    assert peer == A
    assert fetch.deadline_ms() == 110
    assert fetch.tick(109, PEERS) == []
    peer, _, _ = asked(fetch.tick(110, PEERS))
    assert peer == C
    # Everyone was asked: begin again, with another than the last.
    peer, _, _ = asked(fetch.tick(210, PEERS))
    assert peer == A


def test_empty_answers_of_all_do_not_spin() -> None:
    fetch = fetcher()
    sent = fetch.want(BLOCK, HASHES, B, 0)
    tried = []
    for _ in range(len(PEERS)):
        peer, request_id, _ = asked(sent)
        tried.append(peer)
        _, sent = fetch.on_answer(peer, request_id, [], 1, PEERS)
    assert sent == []
    assert sorted(tried) == PEERS
    assert fetch.deadline_ms() == 101
    asked(fetch.tick(101, PEERS))


def test_answers_that_were_not_asked_for_are_not_expected() -> None:
    fetch = fetcher()
    _, request_id, _ = asked(fetch.want(BLOCK, HASHES, B, 0))
    assert fetch.is_expected(B, request_id)
    assert not fetch.is_expected(A, request_id)
    assert not fetch.is_expected(B, request_id + 1)
    assert not fetch.is_expected(B, 0)
    assert fetch.on_answer(A, request_id, HASHES, 10, PEERS) == ([], [])
    assert len(fetch) == 1


def test_what_gossip_brings_meanwhile_counts() -> None:
    fetch = fetcher()
    fetch.want(BLOCK, HASHES, B, 0)
    other = keccak256(b"other block")
    fetch.want(other, HASHES[:2], B, 0)
    assert fetch.on_held(HASHES[:2]) == [other]
    assert fetch.on_held(HASHES[2:]) == [BLOCK]


def test_requests_and_wants_are_bounded() -> None:
    fetch = fetcher()
    many = [keccak256(b"many%d" % n) for n in range(MAX_REQUEST_HASHES + 1)]
    _, _, hashes = asked(fetch.want(BLOCK, many, B, 0))
    assert len(hashes) == MAX_REQUEST_HASHES
    for n in range(MAX_WANTS):
        fetch.want(keccak256(b"block%d" % n), HASHES, B, 0)
    assert len(fetch) == MAX_WANTS
    fetch.forget(keccak256(b"block0"))
    assert len(fetch) == MAX_WANTS - 1
    fetch.clear()
    assert fetch.tick(1_000, PEERS) == []
