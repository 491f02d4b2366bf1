"""The generator: intended starts, patience, retries, and its own stalls found out."""

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.adapters.contract import Answer, Audit, Design, Operation, Outcome, Progress
from bench.analysis.read import RawTrial
from bench.analysis.validity import gates
from bench.history.files import LineWriter, read_lines, read_records
from bench.history.record import Record
from bench.load.clock import Clock
from bench.load.generator import Generator, LoadFacts
from bench.load.lag import LagWatch
from bench.load.timer import PreciseTimer
from bench.scenario.load import find_scenario, load_scenario
from bench.scenario.model import Phases, RetryRule, Scenario
from bench.workload.plan import Session, Step

MS = 1_000_000
OK = Answer(Outcome.OK)
LOST = Answer(Outcome.UNKNOWN, retryable=True, error="reset")
REFUSED = Answer(Outcome.FAILED, retryable=True, error="refused")
Perform = Callable[[Operation], Awaitable[Answer]]


class OneAnswer:
    """An adapter in memory: each attempt is answered by a function."""

    reads = "server"

    def __init__(self, perform: Perform) -> None:
        self.perform = perform

    async def open(self) -> None: ...
    async def close(self) -> None: ...

    async def catalogue(self) -> Sequence[Design]:
        return []

    async def provision(
        self, plan: Sequence[Session], customers: int, progress: Progress
    ) -> dict[str, float]:
        return {}

    async def audit(self) -> Audit:
        return Audit((), None, None, None)

    def observations(self) -> list[dict[str, Any]]:
        return []


def scenario(**changes: Any) -> Scenario:
    quick = load_scenario(find_scenario("quick"))
    rule = RetryRule(attempts_max=3, attempt_timeout_ms=200, backoff_ms=10)
    plain = dataclasses.replace(
        quick, retry=rule, patience_ms=1000, phases=Phases(0, 2, 0, 0)
    )
    return dataclasses.replace(plain, **changes)


def visits(count: int, gap_s: float, steps: int = 1) -> list[Session]:
    step = Step("place_order", 0.0, 0, 1, "ab")
    return [Session(n, n * gap_s, 0, "buyer", (step,) * steps) for n in range(count)]


async def run(
    folder: Path, perform: Perform, plan: list[Session], **changes: Any
) -> tuple[list[Record], LoadFacts]:
    timer = PreciseTimer()
    timer.open()
    history, lag = LineWriter(folder / "history"), LineWriter(folder / "lag")
    clock = Clock.starting_in(0.05, timer)
    watch = asyncio.create_task(LagWatch(clock, lag).run())
    try:
        adapter = OneAnswer(perform)
        facts = await Generator(scenario(**changes), adapter, clock, history).run(plan)
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        timer.close()
        history.close()
        lag.close()
    return read_records(folder / "history"), facts


async def test_a_stalled_target_is_charged_for_everyone_who_came_meanwhile(
    tmp_path: Path,
) -> None:
    gate, stalled = asyncio.Event(), asyncio.Event()

    async def perform(operation: Operation) -> Answer:
        if operation.session.number == 9:
            gate.set()
        stalled.set()
        await gate.wait()
        return OK

    records, _ = await run(tmp_path, perform, visits(10, 0.01))
    assert len(records) == 10
    by_arrival = sorted(records, key=lambda record: record.session)
    # The n-th shopper waited for all who came after: nobody's arrival was put off.
    for earlier, later in pairwise(by_arrival):
        assert earlier.latency_ns > later.latency_ns
    assert by_arrival[0].latency_ns >= 90 * MS


async def test_patience_ends_an_operation_as_unknown_at_its_full_time(
    tmp_path: Path,
) -> None:
    async def perform(operation: Operation) -> Answer:
        await asyncio.Event().wait()
        return OK

    rule = RetryRule(attempts_max=100, attempt_timeout_ms=100, backoff_ms=10)
    (record,), _ = await run(
        tmp_path, perform, visits(1, 1), patience_ms=350, retry=rule
    )
    assert record.outcome == "unknown"
    assert record.latency_ns >= 350 * MS
    assert len(record.attempts) >= 2
    assert {attempt.error for attempt in record.attempts} == {"timeout"}


async def test_nobody_leaves_before_patience_has_run_out(tmp_path: Path) -> None:
    async def perform(operation: Operation) -> Answer:
        return REFUSED

    # Far apart, so that a busy machine's stalls do not cost an attempt.
    rule = RetryRule(attempts_max=100, attempt_timeout_ms=500, backoff_ms=1000)
    (record,), _ = await run(
        tmp_path, perform, visits(1, 1), patience_ms=1750, retry=rule
    )
    assert (record.outcome, len(record.attempts)) == ("failed", 2)
    assert record.latency_ns >= 1750 * MS, "a time-out counts at its full value"


async def test_a_retry_is_the_same_operation_and_ends_as_its_last_answer(
    tmp_path: Path,
) -> None:
    async def perform(operation: Operation) -> Answer:
        return REFUSED if operation.attempt < 3 else OK

    (record,), _ = await run(tmp_path, perform, visits(1, 1))
    outcomes = [attempt.outcome for attempt in record.attempts]
    assert outcomes == ["failed", "failed", "ok"]
    assert record.outcome == "ok"


async def test_a_failure_after_an_unknown_attempt_stays_unknown(tmp_path: Path) -> None:
    async def perform(operation: Operation) -> Answer:
        return LOST if operation.attempt == 1 else REFUSED

    (record,), _ = await run(tmp_path, perform, visits(1, 1))
    assert record.outcome == "unknown"
    assert len(record.attempts) == 3


async def test_a_rejection_is_final_and_the_shopper_leaves(tmp_path: Path) -> None:
    async def perform(operation: Operation) -> Answer:
        return Answer(Outcome.FAILED, error="out_of_stock")

    records, _ = await run(tmp_path, perform, visits(1, 1, steps=3))
    assert [record.outcome for record in records] == ["failed"]
    assert len(records[0].attempts) == 1


async def test_each_step_begins_when_the_last_was_answered(tmp_path: Path) -> None:
    async def perform(operation: Operation) -> Answer:
        return OK

    records, _ = await run(tmp_path, perform, visits(1, 1, steps=4))
    for before, after in pairwise(records):
        assert after.intended_ns >= before.final_ns


def judged(folder: Path, records: list[Record], facts: LoadFacts) -> list[str]:
    """The gates that do not hold."""
    raw = RawTrial(
        records,
        read_lines(folder / "lag"),
        [],
        [],
        [],
        None,
        {"load": dataclasses.asdict(facts)},
    )
    plan = scenario()
    found = gates(raw, records, plan.phases, plan.validity)
    return [gate.name for gate in found if not gate.holds]


async def test_a_generator_that_stalls_is_invalid(tmp_path: Path) -> None:
    async def perform(operation: Operation) -> Answer:
        if operation.session.number % 10 == 0:
            until_ns = time.monotonic_ns() + 60 * MS
            while time.monotonic_ns() < until_ns:
                continue  # holds the event loop, as a slow callback would
        return OK

    records, facts = await run(tmp_path, perform, visits(100, 0.02))
    assert "generator lag p99" in judged(tmp_path, records, facts)
    late = max(records, key=lambda record: record.lag_ns)
    assert late.lag_ns > 20 * MS
    assert late.latency_ns >= late.lag_ns, "latency counts from the intended start"


def test_of_several_generators_each_is_judged_and_the_worst_counts() -> None:
    plan = scenario()
    fine = {"sessions": 500, "dropped": 0}
    for late_us, dropped, names in (
        (100, 0, []),
        (9_000, 0, ["generator lag p99"]),
        (100, 5, ["dropped arrivals"]),
    ):
        # One wake-up in twenty of one generator in ten: too rare to show in all.
        lag = [
            {
                "second": 0,
                "generator": own,
                "lags_us": [100] * 19,
                "generator_cpu_ms": 1,
            }
            for own in range(10)
        ]
        lag[3]["lags_us"] = [100] * 19 + [late_us]
        loads = [{"load": fine} for _ in range(9)]
        loads.append({"load": {"sessions": 500 - dropped, "dropped": dropped}})
        facts = {"load": {"sessions": 5000, "dropped": dropped}, "generators": loads}
        raw = RawTrial([], lag, [], [], [], None, facts)
        found = gates(raw, [], plan.phases, plan.validity)
        assert [gate.name for gate in found if not gate.holds] == names


def test_a_generator_that_used_up_its_core_is_invalid() -> None:
    plan = scenario()
    facts = {"load": {"sessions": 1, "dropped": 0}}
    for used_ms, names in ((790, []), (810, ["generator CPU"])):
        lag = [{"second": 0, "lags_us": [100], "generator_cpu_ms": used_ms}]
        raw = RawTrial([], lag, [], [], [], None, facts)
        found = gates(raw, [], plan.phases, plan.validity)
        assert [gate.name for gate in found if not gate.holds] == names


async def test_dropped_arrivals_are_counted_and_invalid(
    tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("bench.load.generator.SESSIONS_UNDER_WAY_MAX", 5)
    gate = asyncio.Event()

    async def perform(operation: Operation) -> Answer:
        if operation.session.number == 0:  # all others come within 20 ms of it
            asyncio.get_running_loop().call_later(0.5, gate.set)
        await gate.wait()
        return OK

    records, facts = await run(tmp_path, perform, visits(20, 0.001))
    assert (len(records), facts.sessions, facts.dropped) == (5, 5, 15)
    assert "dropped arrivals" in judged(tmp_path, records, facts)
