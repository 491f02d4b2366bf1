"""Clock offsets: the quickest answer counts, and it bounds what is known."""

from random import Random

from bench.crew.clocks import Ping, offset_of

MS = 1_000_000
AHEAD_NS = 12_345 * MS
WALL_AHEAD_NS = -250 * MS


def ping(asked_ms: float, there_ms: float, back_ms: float) -> Ping:
    """One question to a clock that is ahead by the constants above."""
    read_ns = int((asked_ms + there_ms) * MS)
    answered_ns = read_ns + int(back_ms * MS)
    wall_zero_ns = 1_800_000_000 * 1000 * MS
    return Ping(
        int(asked_ms * MS),
        answered_ns,
        wall_zero_ns + answered_ns,
        read_ns + AHEAD_NS,
        wall_zero_ns + read_ns + WALL_AHEAD_NS,
    )


def test_an_even_way_there_and_back_gives_the_offset_exactly() -> None:
    offset = offset_of([ping(5, 3, 3), ping(20, 1, 1), ping(30, 9, 9)])
    assert offset.monotonic_ns == AHEAD_NS
    assert offset.wall_ms == -250
    assert offset.known_to_ms == 1


def test_an_uneven_way_errs_by_no_more_than_is_said() -> None:
    random = Random(4)
    for _ in range(200):
        pings = [
            ping(n, random.uniform(0.01, 9), random.uniform(0.01, 9)) for n in range(9)
        ]
        offset = offset_of(pings)
        assert abs(offset.monotonic_ns - AHEAD_NS) <= offset.known_to_ms * MS + 1
        assert abs(offset.wall_ms + 250) <= offset.known_to_ms + 1e-6
        assert offset.known_to_ms == min(p.took_ns for p in pings) / 2 / MS
