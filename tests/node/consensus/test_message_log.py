"""Every buffer is bounded, whatever validators send."""

from hypothesis import given
from hypothesis import strategies as st

from node.consensus.message_log import (
    FUTURE_MESSAGES_PER_PEER,
    FUTURE_PEERS,
    FUTURE_PROPOSALS_PER_PEER,
    ROUNDS_KEPT,
    FutureWindow,
    MessageLog,
)
from node.consensus.messages import Evidence
from node.primitives.types import Address
from tests.node.consensus.stage import peers
from tests.node.consensus.world import block, certificate, validators, who

A, B, C, D = peers("ABCD")
X, Y = block("A", "x"), block("A", "y")


def log() -> MessageLog:
    return MessageLog(validators())


def test_the_newest_rounds_of_each_validator_are_kept() -> None:
    kept = log()
    for round_ in range(50):
        kept.add_prepare(B.prepare(round_, X.digest).signed)
        kept.add_commit(B.commit(round_, X.digest).signed)
    found = [r for r in range(50) if kept.prepares(r, X.digest)]
    assert found == list(range(50 - ROUNDS_KEPT, 50))
    assert kept.commits(49, X.digest) == [B.commit(49, X.digest).signed]
    assert kept.commits(0, X.digest) == []


def test_one_latest_round_change_is_kept_at_any_distance() -> None:
    kept = log()
    kept.add_round_change(B.round_change(10**9))
    kept.add_round_change(B.round_change(3))
    assert kept.round_changes(3) == []
    assert kept.round_changes(10**9) == [B.round_change(10**9)]


def test_a_stale_round_change_is_no_evidence() -> None:
    kept = log()
    held = certificate("ABC", 0, X.digest)
    assert kept.add_round_change(B.round_change(5)) is None
    assert kept.add_round_change(B.round_change(3, held)) is None


def test_signatures_come_in_the_order_of_the_validators() -> None:
    kept = log()
    for peer in (D, B, A):
        kept.add_commit(peer.commit(0, X.digest).signed)
        kept.add_round_change(peer.round_change(1))
    assert [s.author for s in kept.commits(0, X.digest)] == [who(n) for n in "ABD"]
    assert [m.signed.author for m in kept.round_changes(1)] == [who(n) for n in "ABD"]


def test_a_liar_is_accused_once_for_each_kind() -> None:
    kept = log()
    first, second = B.prepare(0, X.digest).signed, B.prepare(0, Y.digest).signed
    assert kept.add_prepare(first) is None
    assert kept.add_prepare(second) == first
    assert kept.accuse(first, second) == Evidence(first, second)
    assert kept.accuse(first, second) is None
    commits = B.commit(0, X.digest).signed, B.commit(0, Y.digest).signed
    assert kept.accuse(*commits) == Evidence(*commits)


def test_the_latest_round_of_a_validator_never_falls() -> None:
    kept = log()
    kept.hear(who("B"), 5, 100)
    kept.hear(who("B"), 3, 200)
    assert kept.reached == {who("B"): 5}
    assert kept.is_heard_since(200, who("B"))
    assert not kept.is_heard_since(201, who("B"))
    assert not kept.is_heard_since(0, who("C"))


@given(st.lists(st.tuples(st.sampled_from("ABCD"), st.integers(0, 30))))
def test_the_jump_is_the_count_th_largest_of_the_others(
    heard: list[tuple[str, int]],
) -> None:
    kept = log()
    latest = {name: 0 for name, _ in heard}
    for name, round_ in heard:
        kept.hear(who(name), round_, 0)
        latest[name] = max(latest[name], round_)
    others = sorted((r for n, r in latest.items() if n != "A"), reverse=True)
    expected = others[1] if len(others) > 1 else 0
    assert kept.round_reached_by(2, who("A")) == expected


def test_the_future_window_keeps_the_newest_of_each_peer() -> None:
    window = FutureWindow()
    for height in range(2, 200):
        window.add(who("B"), B.prepare(0, X.digest, height))
        window.add(who("B"), B.proposal(0, block("A", str(height))))
    assert len(window) == FUTURE_MESSAGES_PER_PEER + FUTURE_PROPOSALS_PER_PEER
    assert window.take(100) == []
    assert window.take(199) == [(who("B"), B.prepare(0, X.digest, 199))]


def test_a_flooding_peer_costs_the_others_nothing() -> None:
    window = FutureWindow()
    wanted = C.prepare(0, X.digest, 2)
    window.add(who("C"), wanted)
    for round_ in range(1_000):
        window.add(who("B"), B.prepare(round_, X.digest, 2))
    assert (who("C"), wanted) in window.take(2)


def test_the_number_of_peers_with_a_window_is_bounded() -> None:
    window = FutureWindow()
    for number in range(FUTURE_PEERS + 50):
        peer = Address(number.to_bytes(20, "big"))
        window.add(peer, B.prepare(0, X.digest, 2))
    assert len(window) == FUTURE_PEERS
    window.take(3)
    assert len(window) == 0


def test_taking_a_height_forgets_the_older_and_keeps_the_later() -> None:
    window = FutureWindow()
    for height in (2, 3, 4):
        window.add(who("B"), B.prepare(0, X.digest, height))
    assert window.take(3) == [(who("B"), B.prepare(0, X.digest, 3))]
    assert len(window) == 1
    assert window.take(4) == [(who("B"), B.prepare(0, X.digest, 4))]
