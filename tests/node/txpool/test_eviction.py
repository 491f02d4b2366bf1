"""Who leaves a full pool, and that it is said."""

from collections.abc import Iterator
from typing import Any

from node.primitives.types import Address
from node.txpool import pool
from node.txpool.eviction import Rank, worse_than
from node.txpool.limits import PoolLimits
from tests.node.txpool.factory import ALICE, BOB, CAROL, RICH, Bench, hash_of, tx

FOUR = PoolLimits(transactions=4)


def test_a_better_paid_transaction_takes_the_place_of_the_worst() -> None:
    bench = Bench(FOUR)
    low = tx(BOB, 0, fee=1)
    bench.add(tx(ALICE, 0, fee=5), tx(ALICE, 1, fee=5), low, tx(BOB, 1, fee=7))
    # Bob's last is what may leave of his, and at 7 it is better than Alice's.
    assert bench.add(tx(CAROL, 0, fee=6)) == [""]
    assert len(bench.pool) == 4
    assert [reason for _, reason in bench.dropped] == ["EVICTED"]
    assert hash_of(low) in bench.pool


def test_nobody_leaves_for_an_equal_or_worse() -> None:
    bench = Bench(FOUR)
    bench.add(*(tx(Address(bytes([n]) * 20), 0) for n in range(4)))
    bench.accounts |= {Address(bytes([n]) * 20): (0, RICH) for n in range(5)}
    bench.add(*(tx(Address(bytes([n]) * 20), 0) for n in range(4)))
    assert bench.add(tx(ALICE, 0)) == ["txpool is full"]
    assert bench.add(tx(ALICE, 0, fee=0)) == ["txpool is full"]
    assert bench.dropped == []


def test_at_one_price_a_flood_makes_room_for_a_newcomer() -> None:
    bench = Bench(FOUR)
    flood = [tx(ALICE, nonce) for nonce in range(4)]
    bench.add(*flood)
    honest = tx(BOB, 0)
    assert bench.add(honest) == [""]
    assert bench.dropped == [(hash_of(flood[-1]), "EVICTED")]
    assert bench.add(tx(ALICE, 3)) == ["txpool is full"]


def test_at_one_price_only_who_holds_more_than_twice_as_much_gives_way() -> None:
    """Senders who hold about the same do not push each other out."""
    bench = Bench(PoolLimits(transactions=6))
    bench.add(*(tx(ALICE, nonce) for nonce in range(4)), tx(BOB, 0), tx(CAROL, 0))
    assert bench.add(tx(BOB, 1)) == ["txpool is full"]
    assert bench.dropped == []


def test_gapped_transactions_leave_before_executable_ones() -> None:
    bench = Bench(PoolLimits(transactions=4, gapped_share=0.5))
    gapped = tx(ALICE, 5, fee=100)
    bench.add(gapped, tx(BOB, 0, fee=1), tx(BOB, 1, fee=1), tx(BOB, 2, fee=1))
    assert bench.add(tx(CAROL, 0, fee=1)) == [""]
    assert bench.dropped == [(hash_of(gapped), "EVICTED")]


def test_a_full_pool_has_no_room_for_the_flood_that_fills_it() -> None:
    bench = Bench(FOUR)
    assert bench.add(*(tx(ALICE, nonce) for nonce in range(6))) == [
        *[""] * 4,
        "txpool is full",
        "txpool is full",
    ]


def test_bytes_are_a_limit_too() -> None:
    bench = Bench(PoolLimits(bytes=20))
    ten = b"x" * 10
    assert bench.add((tx(ALICE, 0)[0], ten), (tx(BOB, 0)[0], ten)) == ["", ""]
    assert bench.add((tx(CAROL, 0)[0], ten)) == ["txpool is full"]
    assert bench.add((tx(CAROL, 0, fee=2)[0], ten)) == [""]
    assert len(bench.pool) == 2
    assert bench.pool.size_bytes <= bench.pool.limits.bytes


def test_one_search_frees_a_bounded_part() -> None:
    bench = Bench(PoolLimits(transactions=64, evict_share=0.125))
    bench.add(*(tx(ALICE, nonce) for nonce in range(64)))
    bench.add(tx(BOB, 0))
    assert len(bench.pool) == 64 - 8 + 1
    assert len(bench.dropped) == 8
    assert bench.pool.next_nonce(ALICE) == 56


def test_a_search_in_vain_is_not_made_again_before_the_next_block(monkeypatch) -> None:
    """It walks all senders: thousands that have no room must not each cost that."""
    searches: list[int] = []

    def counted(newcomer: Rank, *others: Any) -> Iterator[Any]:
        searches.append(newcomer[1])
        return worse_than(newcomer, *others)

    monkeypatch.setattr(pool, "worse_than", counted)
    bench = Bench(FOUR)
    bench.add(*(tx(who, 0, fee=5) for who in (ALICE, BOB, CAROL)), tx(BOB, 1, fee=5))
    full = ["txpool is full"]
    assert bench.add(tx(CAROL, 1, fee=5)) == full
    assert bench.add(tx(CAROL, 1, fee=5)) == bench.add(tx(CAROL, 1, fee=4)) == full
    assert searches == [5]
    assert bench.add(tx(CAROL, 1, fee=6)) == [""]
    assert searches == [5, 6]
    assert bench.add(tx(ALICE, 1, fee=5)) == full
    bench.pool.on_block([], [], 0)
    assert bench.add(tx(ALICE, 1, fee=5)) == full
    assert searches == [5, 6, 5, 5]
