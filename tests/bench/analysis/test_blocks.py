"""Blocks through the load: intervals and the longest silence."""

from bench.analysis.blocks import blocks_of


def block(at_s: float, transactions: int = 3) -> dict[str, object]:
    return {"final_ns": int(at_s * 1e9), "transactions": transactions}


def test_intervals_and_the_longest_silence_are_found() -> None:
    seen = [block(s) for s in (-1, 1, 2, 3, 7.5, 8.5)] + [block(9.5, 8), block(99)]
    blocks = blocks_of([*seen, {"signed_anew": 2}], load_s=50)
    assert blocks is not None
    assert len(blocks.final_s) == 6
    assert blocks.median_interval_s == 1.0
    assert (blocks.longest_gap_s, blocks.longest_gap_from_s) == (4.5, 3.0)
    assert (blocks.transactions, blocks.largest, blocks.signed_anew) == (23, 8, 2)


def test_a_world_without_blocks_has_none() -> None:
    assert blocks_of([], 50) is None
