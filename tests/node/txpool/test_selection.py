"""The order in which transactions go into a block."""

from tests.node.txpool.factory import ALICE, BOB, CAROL, Bench, hash_of, tx


def test_the_better_paid_goes_first_whoever_came_first() -> None:
    bench = Bench()
    low, high = tx(ALICE, 0, fee=1), tx(BOB, 0, fee=2)
    bench.add(low, high)
    assert bench.selected() == [hash_of(high), hash_of(low)]


def test_the_nonce_order_of_a_sender_outranks_the_price() -> None:
    bench = Bench()
    cheap, dear, middle = tx(ALICE, 0, fee=1), tx(ALICE, 1, fee=9), tx(BOB, 0, fee=5)
    bench.add(cheap, dear, middle)
    assert bench.selected() == [hash_of(middle), hash_of(cheap), hash_of(dear)]


def test_the_tip_is_what_the_base_fee_leaves_of_the_max_fee() -> None:
    bench = Bench()
    bench.base_fee = 10
    capped = tx(ALICE, 0, fee=12, tip=9)  # leaves 2
    plain = tx(BOB, 0, fee=100, tip=3)
    bench.add(capped, plain)
    assert bench.selected() == [hash_of(plain), hash_of(capped)]
    bench.base_fee = 0
    assert bench.selected() == [hash_of(capped), hash_of(plain)]


def test_what_does_not_cover_the_base_fee_waits_with_what_follows_it() -> None:
    bench = Bench()
    bench.add(tx(ALICE, 0, fee=5), tx(ALICE, 1, fee=50))
    bench.base_fee = 6
    assert bench.selected() == []
    assert not bench.pool.has_executable(6)
    assert bench.pool.has_executable(5)


def test_at_one_price_a_flood_does_not_hold_back_a_first_transaction() -> None:
    bench = Bench()
    flood = [tx(ALICE, nonce) for nonce in range(5)]
    honest = tx(BOB, 0)
    bench.add(*flood, honest)
    assert bench.selected()[:2] == [hash_of(flood[0]), hash_of(honest)]


def test_among_equals_the_earlier_goes_first() -> None:
    bench = Bench()
    order = [tx(CAROL, 0), tx(ALICE, 0), tx(BOB, 0)]
    bench.add(*order)
    assert bench.selected() == [hash_of(one) for one in order]


def test_a_sender_whose_next_does_not_fit_is_passed_over() -> None:
    bench = Bench()
    big = tx(ALICE, 0, fee=9, gas=100_000)
    after = tx(ALICE, 1, fee=9)
    small = tx(BOB, 0, fee=1)
    bench.add(big, after, small)
    assert bench.selected(gas=99_999) == [hash_of(small)]
    assert bench.selected(gas=121_000) == [hash_of(big), hash_of(after)]
    assert bench.selected(max_bytes=len(big[1])) == [hash_of(big)]
    assert bench.selected(gas=20_999) == []


def test_selecting_takes_nothing_out() -> None:
    bench = Bench()
    bench.add(tx(ALICE, 0))
    assert bench.selected() == bench.selected() != []
