"""Admission, inclusion, quarantine, lifetimes and look-ups of the pool."""

from node.txpool.entries import DropReason, Refusal
from node.txpool.limits import EXPIRE_INTERVAL_MS, MAX_QUARANTINED, PoolLimits
from tests.node.txpool.factory import ALICE, BOB, RICH, Bench, hash_of, tx


def test_a_transaction_with_the_next_nonce_is_executable() -> None:
    bench = Bench()
    first = tx(ALICE, 0)
    assert bench.add(first) == [""]
    assert bench.pool.counts == (1, 0)
    assert bench.pool.has_executable(0)
    assert bench.selected() == [hash_of(first)]
    assert bench.pool.next_nonce(ALICE) == 1
    assert bench.pool.next_nonce(BOB) is None


def test_a_missing_nonce_holds_back_what_lies_above_until_it_comes() -> None:
    bench = Bench()
    zero, one, two = tx(ALICE, 0), tx(ALICE, 1), tx(ALICE, 2)
    assert bench.add(two, one) == ["", ""]
    assert bench.pool.counts == (0, 2)
    assert not bench.pool.has_executable(0)
    assert bench.selected() == []
    assert bench.pool.next_nonce(ALICE) == 0
    bench.add(zero)
    assert bench.pool.counts == (3, 0)
    assert bench.selected() == [hash_of(zero), hash_of(one), hash_of(two)]


def test_the_same_transaction_twice_is_already_known() -> None:
    bench = Bench()
    first = tx(ALICE, 0)
    assert bench.add(first, first) == ["", "already known"]
    assert bench.add(first) == ["already known"]
    assert len(bench.pool) == 1


def test_a_used_nonce_is_too_low_and_says_which_is_next() -> None:
    bench = Bench()
    bench.accounts[ALICE] = (5, RICH)
    info, raw = tx(ALICE, 4)
    result = bench.pool.add([(info, raw)], bench.accounts, 0, 0)
    assert result.admissions[0].refusal is Refusal.NONCE_TOO_LOW
    assert result.admissions[0].message == ("nonce too low: next nonce 5, tx nonce 4")


def test_all_waiting_transactions_of_a_sender_must_be_payable_together() -> None:
    bench = Bench()
    bench.accounts[ALICE] = (0, 2_500)
    assert bench.add(tx(ALICE, 0), tx(ALICE, 1), tx(ALICE, 2)) == [
        "",
        "",
        "insufficient funds for gas * price + value",
    ]
    unknown = Bench()
    unknown.accounts.clear()
    assert unknown.add(tx(ALICE, 0)) == [Refusal.INSUFFICIENT_FUNDS]
    assert unknown.pool.next_nonce(ALICE) is None


def test_more_gas_than_a_block_has_is_refused() -> None:
    bench = Bench(PoolLimits(transaction_gas=50_000))
    assert bench.add(tx(ALICE, 0, gas=50_001), tx(ALICE, 0, gas=50_000)) == [
        "exceeds block gas limit",
        "",
    ]


def test_a_priority_fee_below_the_minimum_is_underpriced() -> None:
    bench = Bench(PoolLimits(min_priority_fee=5))
    assert bench.add(tx(ALICE, 0, fee=9, tip=4), tx(ALICE, 0, fee=9, tip=5)) == [
        "transaction underpriced",
        "",
    ]


def test_a_sender_has_a_limit_of_its_own() -> None:
    bench = Bench(PoolLimits(per_sender=2))
    assert bench.add(tx(ALICE, 0), tx(ALICE, 1), tx(ALICE, 2), tx(BOB, 0)) == [
        "",
        "",
        "account limit exceeded",
        "",
    ]


def test_gaps_are_limited_by_sender_and_by_share() -> None:
    limits = PoolLimits(transactions=8, gapped_per_sender=1, gapped_share=0.25)
    bench = Bench(limits)
    assert bench.add(tx(ALICE, 2), tx(ALICE, 3)) == ["", Refusal.GAP_LIMIT]
    assert bench.add(tx(BOB, 2)) == [""]
    bench.accounts[b"\x01" * 20] = (0, RICH)
    assert bench.add(tx(b"\x01" * 20, 7)) == [Refusal.GAP_LIMIT]
    assert bench.add(tx(b"\x01" * 20, 0)) == [""]


def test_inclusion_removes_promotes_and_reports_nothing() -> None:
    bench = Bench()
    zero, one, three = tx(ALICE, 0), tx(ALICE, 1), tx(ALICE, 3)
    bench.add(zero, one, three)
    dropped = bench.pool.on_block([hash_of(zero)], [(ALICE, 1, RICH)], 10)
    assert dropped == []
    assert bench.selected() == [hash_of(one)]
    assert bench.pool.counts == (1, 1)
    # Nonces 1 and 2 were used through another node: 3 is next.
    dropped = bench.pool.on_block([], [(ALICE, 3, RICH)], 20)
    assert [(d.hash, d.reason) for d in dropped] == [
        (hash_of(one), DropReason.NONCE_USED)
    ]
    assert bench.selected() == [hash_of(three)]
    bench.pool.on_block([hash_of(three)], [(ALICE, 4, RICH)], 30)
    assert len(bench.pool) == 0
    assert bench.pool.size_bytes == 0
    assert bench.pool.next_nonce(ALICE) is None


def test_a_nonce_above_a_gap_can_be_used_by_a_block() -> None:
    bench = Bench()
    two, five = tx(ALICE, 2), tx(ALICE, 5)
    bench.add(two, five)
    dropped = bench.pool.on_block([hash_of(two)], [(ALICE, 4, RICH)], 10)
    assert dropped == []
    assert bench.pool.counts == (0, 1)
    bench.add(tx(ALICE, 4))
    assert bench.pool.counts == (2, 0)


def test_what_its_sender_can_no_longer_pay_is_dropped_with_that_reason() -> None:
    bench = Bench()
    cheap, dear, last = tx(ALICE, 0), tx(ALICE, 1, cost=9_000), tx(ALICE, 2)
    bench.add(cheap, dear, last)
    dropped = bench.pool.on_block([], [(ALICE, 0, 5_000)], 10)
    assert [(d.hash, d.reason) for d in dropped] == [
        (hash_of(dear), DropReason.UNPAYABLE)
    ]
    assert bench.pool.counts == (1, 1)


def test_accounts_read_before_the_last_block_do_not_turn_the_pool_back() -> None:
    bench = Bench()
    bench.add(tx(ALICE, 0), tx(ALICE, 1))
    bench.pool.on_block([], [(ALICE, 1, RICH)], 10)
    assert bench.add(tx(ALICE, 0)) == ["nonce too low"]
    assert bench.pool.next_nonce(ALICE) == 2


def test_accounts_read_after_a_missed_block_bring_the_pool_forward() -> None:
    bench = Bench()
    old = tx(ALICE, 0)
    bench.add(old)
    bench.accounts[ALICE] = (1, RICH)
    assert bench.add(tx(ALICE, 1)) == [""]
    assert bench.dropped == [(hash_of(old), "NONCE_USED")]
    assert bench.pool.counts == (1, 0)


def test_a_quarantined_transaction_leaves_and_never_comes_back() -> None:
    bench = Bench()
    bad, next_one = tx(ALICE, 0), tx(ALICE, 1)
    bench.add(bad, next_one)
    (dropped,) = bench.pool.quarantine(hash_of(bad), "sender has code")
    assert dropped.reason is DropReason.QUARANTINED
    assert dropped.detail == "sender has code"
    assert bench.selected() == []
    assert bench.add(bad) == [Refusal.QUARANTINED]
    assert bench.add(tx(ALICE, 0)) == [""]
    assert bench.pool.counts == (2, 0)


def test_the_memory_of_quarantine_is_bounded() -> None:
    bench = Bench()
    first = tx(ALICE, 0)
    bench.pool.quarantine(hash_of(first), "old")
    for _ in range(MAX_QUARANTINED):
        bench.pool.quarantine(hash_of(tx(BOB, 0)), "newer")
    assert bench.add(first) == [""]


def test_lifetimes_end_with_a_trace_and_gapped_ones_end_sooner() -> None:
    limits = PoolLimits(lifetime_ms=100_000, gapped_lifetime_ms=50_000)
    bench = Bench(limits)
    ready, gapped = tx(ALICE, 0), tx(BOB, 1)
    bench.add(ready, gapped)
    dropped = bench.pool.expire(50_000)
    assert [(d.hash, d.reason) for d in dropped] == [
        (hash_of(gapped), DropReason.EXPIRED)
    ]
    assert bench.pool.expire(50_000 + EXPIRE_INTERVAL_MS - 1) == []
    dropped = bench.pool.on_block([], [], 100_000)
    assert [d.hash for d in dropped] == [hash_of(ready)]
    assert len(bench.pool) == 0


def test_what_an_expired_one_leaves_behind_a_gap_keeps_to_the_limit_of_gaps() -> None:
    limits = PoolLimits(transactions=8, gapped_share=0.25, lifetime_ms=10_000)
    bench = Bench(limits)
    first, *others = [tx(ALICE, nonce) for nonce in range(6)]
    bench.add(first)
    bench.at_ms = 5_000
    bench.add(*others)
    dropped = bench.pool.expire(10_001)
    assert [(d.hash, d.reason) for d in dropped] == [
        (hash_of(first), DropReason.EXPIRED),
        *((hash_of(late), DropReason.EVICTED) for late in others[:1:-1]),
    ]
    assert bench.pool.counts == (0, 2)


def test_look_ups_by_hash_by_age_and_by_sender() -> None:
    bench = Bench()
    zero, two, other = tx(ALICE, 0), tx(ALICE, 2), tx(BOB, 0)
    bench.add(two, zero, other)
    absent = hash_of(tx(BOB, 1))
    assert bench.pool.get_many([hash_of(zero), absent]) == [zero[1], None]
    assert bench.pool.oldest(2) == [
        (hash_of(two), two[1]),
        (hash_of(zero), zero[1]),
    ]
    assert hash_of(zero) in bench.pool
    assert absent not in bench.pool
    entry = bench.pool.get(hash_of(zero))
    assert entry is not None
    assert entry.info is zero[0]
    content = bench.pool.content()
    assert [e.info.nonce for e in content.pending[ALICE]] == [0]
    assert [e.info.nonce for e in content.queued[ALICE]] == [2]
    assert list(content.pending) == [ALICE, BOB]
    assert bench.pool.content_from(BOB).queued == {}
    assert bench.pool.content_from(b"\x01" * 20).pending == {}
