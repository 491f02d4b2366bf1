"""Sustained or not: each rule refuses alone, judged from raw samples."""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from bench.analysis.knee import ProbeResult, backlog_ends, judge_probe, standing
from bench.analysis.read import RawTrial
from bench.scenario.load import find_scenario, load_scenario
from bench.stats.knee import Tried
from tests.bench.made_run import record

if TYPE_CHECKING:
    from bench.history.record import Record

STANDARD = load_scenario(find_scenario("standard"))
RATE = 80.0  # sessions/s, of which every second one orders
ORDERS = 40 * 33


def probe(
    wait_ms: Callable[[float], float],
    outcome: Callable[[int], str] = lambda number: "ok",
    lag_us: int = 100,
    **facts: Any,
) -> ProbeResult:
    """A probe whose orders wait as long as the function of their second says."""
    records: list[Record] = []
    for number in range(ORDERS):
        at_s = number / 40
        made = record(number, wait_ms(at_s), outcome(number))
        shift_ns = int(at_s * 1e9) - made.intended_ns
        records.append(
            dataclasses.replace(
                made,
                intended_ns=made.intended_ns + shift_ns,
                sent_ns=made.sent_ns + shift_ns,
                final_ns=made.final_ns + shift_ns,
            )
        )
    lag = [
        {"second": second, "lags_us": [lag_us] * 100, "generator_cpu_ms": 100}
        for second in range(34)
    ]
    load = {"sessions": 2 * ORDERS, "dropped": 0}
    all_facts = {"sessions_per_s": RATE, "load": load, "given_up_s": None, **facts}
    raw = RawTrial(records, lag, [], [], [], None, all_facts)
    return judge_probe(raw, STANDARD, 1)


def test_a_rate_that_is_served_in_time_is_sustained() -> None:
    found = probe(lambda at_s: 200.0)
    assert found.sustained
    assert found.offered_orders_per_s == pytest.approx(40)
    assert found.goodput_orders_per_s == pytest.approx(40)
    assert found.order_quantile_ms == pytest.approx(200, rel=0.001)
    # 40 orders a second that take 0.2 s: eight are under way at any time (Little).
    assert found.backlog_first == pytest.approx(8, abs=0.5)
    assert found.backlog_last == pytest.approx(8, abs=0.5)


def test_one_refused_order_in_a_thousand_is_allowed_and_two_are_not() -> None:
    one = probe(lambda at_s: 200.0, lambda n: "failed" if n == 500 else "ok")
    assert one.sustained
    two = probe(lambda at_s: 200.0, lambda n: "unknown" if n in (500, 600) else "ok")
    assert two.reasons == ["1198 of 1200 offered orders were acknowledged"]


def test_a_percentile_beyond_the_objective_is_refused() -> None:
    found = probe(lambda at_s: 1200.0 if int(at_s * 40) % 50 == 0 else 200.0)
    assert found.reasons == ["p99 1200 ms, beyond 1000 ms"]


def test_a_target_that_drowns_slowly_is_refused_though_all_is_still_in_time() -> None:
    found = probe(lambda at_s: 10.0 + 25.0 * at_s)
    assert found.order_quantile_ms is not None
    assert found.order_quantile_ms < 1000
    (reason,) = found.reasons
    assert reason.startswith("backlog grew from")


def test_too_few_orders_carry_no_verdict() -> None:
    raw_few = probe(lambda at_s: 200.0, given_up_s=None)
    assert raw_few.sustained
    strict = dataclasses.replace(STANDARD.objective, order_quantile=0.999)
    scenario = dataclasses.replace(STANDARD, objective=strict)
    records = [record(n, 10.0) for n in range(400)]
    facts = {"sessions_per_s": RATE, "load": {"sessions": 400, "dropped": 0}}
    found = judge_probe(RawTrial(records, [], [], [], [], None, facts), scenario, 1)
    assert any("too few to carry a p99.9" in reason for reason in found.reasons)


def test_a_probe_that_was_given_up_is_refused_and_says_when() -> None:
    found = probe(lambda at_s: 3000.0, given_up_s=9.0)
    assert found.reasons[0].startswith("given up after 9 s")


def test_a_refusal_counts_only_if_the_generator_is_not_to_blame() -> None:
    late = probe(lambda at_s: 1200.0, lag_us=900_000)
    fine = probe(lambda at_s: 200.0, lag_us=900_000)
    assert (late.sustained, late.is_valid) == (False, False)
    assert (fine.sustained, fine.is_valid) == (True, True)
    assert standing([late, fine]) == [Tried(RATE, True)]
    # The third refusal of a rate stands: it is at least not carried with this client.
    assert standing([late, late, late])[0] == Tried(RATE, False)


def test_a_backlog_counts_what_has_begun_and_is_not_over() -> None:
    records = [record(n, 2500.0) for n in range(100)]  # one every 100 ms
    first, last = backlog_ends(records, 3.0, 9.0)
    assert first == last == pytest.approx(25, abs=1)
