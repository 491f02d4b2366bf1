"""Large answers to one peer keep a pace; others do not wait for it."""

from node.driver.peers.serving import AHEAD_MS, BYTES_PER_S, Pace
from node.primitives.types import Address

ONE, OTHER = Address(b"\x01" * 20), Address(b"\x02" * 20)
SECOND = BYTES_PER_S
"""Bytes."""


def test_a_quiet_peer_is_answered_at_once() -> None:
    pace = Pace()
    assert pace.wait_ms(ONE, 4 * SECOND, now_ms=10_000) == 0


def test_one_that_keeps_asking_waits_for_what_it_got() -> None:
    pace = Pace()
    waits = [pace.wait_ms(ONE, SECOND // 4, 10_000) for _ in range(5)]
    assert waits == [0, 0, 0, 250, 500]
    assert pace.wait_ms(ONE, 0, 10_000) == 1_250 - AHEAD_MS
    assert pace.wait_ms(ONE, 0, 11_250) == 0


def test_nobody_waits_for_another() -> None:
    pace = Pace()
    pace.wait_ms(ONE, 10 * SECOND, 0)
    assert pace.wait_ms(OTHER, SECOND, 0) == 0
    assert pace.wait_ms(ONE, SECOND, 0) > 0
    pace.forget(ONE)
    assert pace.wait_ms(ONE, SECOND, 0) == 0


def test_small_answers_are_never_held_back() -> None:
    pace = Pace()
    assert {pace.wait_ms(ONE, 100_000, at) for at in range(0, 10_000, 10)} == {0}
