"""The bounded memory of who has which transactions."""

from node.gossip.seen import Seen


def test_marks_accumulate_over_both_generations() -> None:
    seen = Seen(2, 1_000)
    seen.mark([b"a", b"b"], 1)
    seen.mark([b"c"], 1)  # a and b are the old generation now
    seen.mark([b"a"], 2)
    assert seen.mask(b"a") == 3
    assert seen.mask(b"b") == 1
    assert seen.screen([b"a", b"c", b"x"], 4) == [b"x"]
    assert seen.mask(b"a") == 7
    assert seen.mask(b"c") == 5
    assert seen.mask(b"x") == 0


def test_memory_is_bounded_by_count_and_by_bytes() -> None:
    seen = Seen(10, 1_000)
    for n in range(1_000):
        seen.mark([b"%d" % n], 1)
        assert len(seen) <= 20
    assert seen.mask(b"999") == 1
    assert seen.mask(b"900") == 0
    for n in range(100):
        seen.mark([bytes([n]) * 400], 1)
    assert len(seen) <= 4


def test_the_bit_of_a_peer_that_left_means_nobody() -> None:
    seen = Seen(1, 1_000)
    seen.mark([b"a"], 3)
    seen.mark([b"b"], 1)
    seen.clear(1)
    assert seen.mask(b"a") == 2
    assert seen.mask(b"b") == 0
    assert seen.screen([b"a", b"b"], 0) == []
