"""What may be said of two series; chance alone is rarely called a difference."""

from random import Random

import pytest

from bench.stats.verdict import Finding, compare

MARGIN = 1.1


@pytest.mark.parametrize(
    ("left", "right", "finding"),
    [
        ([20, 21, 22, 23, 24, 25], [10, 11, 12, 10, 11, 12], Finding.HIGHER),
        ([10, 11, 12, 10, 11, 12], [20, 21, 22, 23, 24, 25], Finding.LOWER),
        ([10, 14, 12, 18, 11, 12], [11, 13, 12, 10, 16, 12], Finding.UNDISTINGUISHED),
        ([100, 101, 102, 100, 101, 99], [100, 101, 103, 99, 98, 102], "equivalent"),
        ([20, 21, 22, 23, 24], [10, 11, 12, 10, 11], Finding.UNCARRIED),
        ([20] * 6, [], Finding.UNCARRIED),
        ([20] * 6, [0] * 6, Finding.UNCARRIED),
    ],
)
def test_findings(left: list[float], right: list[float], finding: str) -> None:
    assert compare(left, right, MARGIN).finding == finding


def test_a_real_difference_inside_the_margin_is_called_equivalent() -> None:
    verdict = compare([102, 103, 102, 103, 102, 103], [100] * 6, MARGIN)
    assert verdict.interval is not None
    assert verdict.interval.low > 1
    assert verdict.finding is Finding.EQUIVALENT
    assert not verdict.is_claim


def test_the_interval_of_a_ratio_goes_from_rank_to_rank() -> None:
    verdict = compare([20, 22, 24, 26, 28, 30], [10, 11, 12, 13, 14, 20], MARGIN)
    assert verdict.interval is not None
    assert (verdict.interval.low, verdict.interval.high) == (1.0, 3.0)
    assert verdict.point == pytest.approx(25 / 12.5)


def test_of_twenty_comparisons_of_a_target_with_itself_eighteen_find_nothing() -> None:
    """Log-normal trials whose level itself varies from trial to trial."""
    random = Random(20)
    undistinguished = 0
    for _ in range(20):
        sides = [[random.lognormvariate(3, 0.2) for _ in range(6)] for _ in range(2)]
        undistinguished += not compare(sides[0], sides[1], MARGIN).is_claim
    assert undistinguished >= 18


def test_a_difference_of_two_times_is_found_in_most_of_twenty_comparisons() -> None:
    random = Random(20)
    found = 0
    for _ in range(20):
        left = [random.lognormvariate(3.7, 0.1) for _ in range(6)]
        right = [random.lognormvariate(3.0, 0.1) for _ in range(6)]
        found += compare(left, right, MARGIN).finding is Finding.HIGHER
    assert found >= 18
