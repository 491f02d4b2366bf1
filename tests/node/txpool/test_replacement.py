"""Replacing a waiting transaction."""

from node.txpool.limits import PoolLimits
from tests.node.txpool.factory import ALICE, BOB, Bench, hash_of, tx


def test_ten_percent_more_on_both_fees_replaces_with_a_trace() -> None:
    bench = Bench()
    old, new = tx(ALICE, 0, fee=100, tip=10), tx(ALICE, 0, fee=110, tip=11)
    bench.add(old, tx(ALICE, 1))
    result = bench.pool.add([new], bench.accounts, 0, 0)
    assert result.admissions[0].replaced == hash_of(old)
    assert [(d.hash, d.reason.name) for d in result.dropped] == [
        (hash_of(old), "REPLACED")
    ]
    assert bench.selected()[0] == hash_of(new)
    assert bench.pool.counts == (2, 0)
    assert hash_of(old) not in bench.pool


def test_less_than_ten_percent_on_either_fee_is_underpriced() -> None:
    bench = Bench()
    bench.add(tx(ALICE, 0, fee=100, tip=10))
    for fee, tip in ((109, 11), (110, 10), (100, 10), (200, 9)):
        assert bench.add(tx(ALICE, 0, fee=fee, tip=tip)) == [
            "replacement transaction underpriced"
        ]


def test_one_wei_on_one_wei_is_enough_but_nothing_on_nothing_is_not() -> None:
    bench = Bench()
    bench.add(tx(ALICE, 0, fee=1), tx(BOB, 0, fee=0))
    assert bench.add(tx(ALICE, 0, fee=2)) == [""]
    assert bench.add(tx(BOB, 0, fee=0)) == ["replacement transaction underpriced"]


def test_a_replacement_must_be_payable_beside_the_others() -> None:
    bench = Bench()
    bench.accounts[ALICE] = (0, 5_000)
    bench.add(tx(ALICE, 0, cost=2_000), tx(ALICE, 1, cost=2_000))
    dear, fits = tx(ALICE, 0, fee=5, cost=3_001), tx(ALICE, 0, fee=5, cost=3_000)
    assert bench.add(dear, fits) == ["insufficient funds for gas * price + value", ""]


def test_with_a_zero_base_fee_a_wei_more_on_one_fee_is_enough() -> None:
    bench = Bench(zero_base_fee=True)
    bench.add(tx(ALICE, 0, fee=1_000, tip=0))
    assert bench.add(tx(ALICE, 0, fee=1_000, tip=1)) == [""]
    assert bench.add(tx(ALICE, 0, fee=1_001, tip=0)) == [
        "replacement transaction underpriced"
    ]


def test_with_a_zero_base_fee_a_stuck_free_transaction_can_be_replaced() -> None:
    bench = Bench(PoolLimits(stuck_ms=3_000), zero_base_fee=True)
    bench.add(tx(ALICE, 0, fee=0))
    bench.at_ms = 2_999
    assert bench.add(tx(ALICE, 0, fee=0)) == ["replacement transaction underpriced"]
    bench.at_ms = 3_000
    new = tx(ALICE, 0, fee=0)
    assert bench.add(new) == [""]
    assert bench.selected() == [hash_of(new)]
    # The newcomer has not been stuck yet: churn is bounded by time.
    assert bench.add(tx(ALICE, 0, fee=0)) == ["replacement transaction underpriced"]
