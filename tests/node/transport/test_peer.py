"""What a peer may send: a bucket that fills while time passes."""

from node.transport.peer import Allowance

SLOW = 1
"""A second for each: nothing comes back while a test runs."""


def test_up_to_its_size_nothing_is_overdrawn() -> None:
    bucket = Allowance(SLOW, 1_000)
    assert [bucket.spend(500), bucket.spend(500)] == [0.0, 0.0]


def test_what_is_overdrawn_takes_its_time_to_come_back() -> None:
    bucket = Allowance(SLOW, 1_000)
    assert 500 < bucket.spend(2_000) <= 1_000
    assert 1_000 < bucket.spend(500) <= 1_500


def test_a_full_bucket_does_not_overflow() -> None:
    bucket = Allowance(10**9, 1_000)
    bucket.spend(0)
    assert bucket.spend(10**9) > 0


def test_a_bucket_is_rested_with_half_of_it() -> None:
    bucket = Allowance(SLOW, 1_000)
    bucket.spend(400)
    assert bucket.is_rested
    bucket.spend(400)
    assert not bucket.is_rested
