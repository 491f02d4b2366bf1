"""Runs a plan against an adapter: open arrivals, closed steps, one record an operation.

Latency is taken from the intended start, so a target that stalls is charged for every
shopper who came meanwhile. A shopper who runs out of patience leaves; what was asked
for then is `unknown` if any of its requests may have had an effect. Retries repeat the
same operation by the same key and happen only where the scenario says so.

The generator never slows its arrivals down for a slow target; it drops a session only
at a named bound, and says how many it dropped.
"""

import asyncio
import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.adapters.contract import Adapter, Answer, Operation, Outcome
from bench.history.files import LineWriter
from bench.history.record import Attempt, Record
from bench.load.clock import NS_PER_MS, NS_PER_S, Clock
from bench.scenario.model import Scenario
from bench.workload.plan import Session

SESSIONS_UNDER_WAY_MAX = 20_000


@dataclass(frozen=True, slots=True)
class LoadFacts:
    """What the generator did: sessions begun and dropped, and its own CPU seconds."""

    sessions: int
    dropped: int
    cpu_s: float
    wall_s: float


class Generator:
    """One trial's load against one adapter."""

    def __init__(
        self, scenario: Scenario, adapter: Adapter, clock: Clock, history: LineWriter
    ) -> None:
        self._scenario = scenario
        self._adapter = adapter
        self._clock = clock
        self._history = history
        self._under_way: set[asyncio.Task[None]] = set()
        self.operations_done = 0
        self.operations_unserved = 0
        self.orders_late = 0
        self._closed = False

    def close_doors(self) -> None:
        """Let nobody else in; who is inside is served to the end."""
        self._closed = True

    async def run(self, plan: Sequence[Session]) -> LoadFacts:
        """Run all sessions to their end and return what was done."""
        # What was made before the load stays (the clock's start collected the rest);
        # collecting it again would only stall.
        gc.freeze()
        try:
            return await self._run(plan)
        finally:
            gc.unfreeze()

    async def _run(self, plan: Sequence[Session]) -> LoadFacts:
        dropped = 0
        await self._clock.sleep_until(0)
        cpu_ns, wall_ns = time.process_time_ns(), self._clock.now_ns()
        try:
            async with asyncio.TaskGroup() as group:
                for begun, session in enumerate(plan):
                    await self._clock.sleep_until(int(session.start_s * NS_PER_S))
                    if self._closed:
                        plan = plan[:begun]
                        break
                    if len(self._under_way) >= SESSIONS_UNDER_WAY_MAX:
                        dropped += 1
                        continue
                    task = group.create_task(self._visit(session))
                    self._under_way.add(task)
                    task.add_done_callback(self._under_way.discard)
        except BaseExceptionGroup as group_error:
            raise group_error.exceptions[0] from None
        return LoadFacts(
            len(plan) - dropped,
            dropped,
            (time.process_time_ns() - cpu_ns) / NS_PER_S,
            (self._clock.now_ns() - wall_ns) / NS_PER_S,
        )

    async def _visit(self, session: Session) -> None:
        """One shopper: each step a think time after the last was answered."""
        intended_ns = int(session.start_s * NS_PER_S)
        order: str | None = None
        for position, step in enumerate(session.steps):
            if position:
                intended_ns = self._clock.now_ns() + int(step.think_ms * NS_PER_MS)
                await self._clock.sleep_until(intended_ns)
            operation = Operation(session, position, step, order)
            record = await self._operate(operation, intended_ns)
            self._history.record(record)
            self.operations_done += 1
            self.orders_late += self._is_late(record)
            order = record.order or order
            if record.outcome != Outcome.OK:
                self.operations_unserved += 1
                return

    def _is_late(self, record: Record) -> bool:
        """An order, after the warm-up, that misses the objective."""
        scenario = self._scenario
        if record.operation != "place_order":
            return False
        if record.intended_ns < scenario.phases.warmup_s * NS_PER_S:
            return False
        limit_ns = scenario.objective.order_latency_ms * NS_PER_MS
        return record.outcome != Outcome.OK or record.latency_ns > limit_ns

    async def _operate(self, operation: Operation, intended_ns: int) -> Record:
        """All attempts at one operation, within patience."""
        patience_ns = intended_ns + int(self._scenario.patience_ms * NS_PER_MS)
        attempts: list[Attempt] = []
        while True:
            sent_ns = self._clock.now_ns()
            answer = await self._attempt(operation, patience_ns - sent_ns)
            ended_ns = self._ended_ns(answer)
            attempts.append(
                Attempt(sent_ns, ended_ns, answer.outcome.value, answer.error)
            )
            if not await self._may_retry(operation, answer, patience_ns):
                break
        return self._record(operation, answer, attempts, intended_ns)

    async def _attempt(self, operation: Operation, left_ns: int) -> Answer:
        """One attempt, cut off at its own timeout or at the end of patience."""
        operation.attempt += 1
        timeout_s = self._scenario.retry.attempt_timeout_ms / 1000
        try:
            async with asyncio.timeout(min(timeout_s, left_ns / NS_PER_S)):
                return await self._adapter.perform(operation)
        except TimeoutError:
            return Answer(Outcome.UNKNOWN, retryable=True, error="timeout")

    async def _may_retry(
        self, operation: Operation, answer: Answer, patience_ns: int
    ) -> bool:
        """Wait out the backoff and say yes, or say no: answered, or no time left."""
        if answer.outcome is Outcome.OK or not answer.retryable:
            return False
        rule = self._scenario.retry
        if operation.attempt >= rule.attempts_max:
            return False
        again_ns = self._clock.now_ns() + int(rule.backoff_ms * NS_PER_MS)
        if again_ns >= patience_ns:
            # Nobody leaves before patience has run out: a timeout counts in full.
            await self._clock.sleep_until(patience_ns)
            return False
        await self._clock.sleep_until(again_ns)
        return True

    def _ended_ns(self, answer: Answer) -> int:
        if answer.final_ns is not None:
            return answer.final_ns - self._clock.start_ns
        return self._clock.now_ns()

    def _record(
        self,
        operation: Operation,
        answer: Answer,
        attempts: list[Attempt],
        intended_ns: int,
    ) -> Record:
        outcome = answer.outcome
        if outcome is Outcome.FAILED and any(
            attempt.outcome == Outcome.UNKNOWN for attempt in attempts
        ):
            outcome = Outcome.UNKNOWN
        final_ns = attempts[-1].ended_ns
        if outcome is not Outcome.OK and answer.retryable:
            final_ns = self._clock.now_ns()
        accepted_ns = operation.accepted_ns
        return Record(
            session=operation.session.number,
            step=operation.position,
            customer=operation.session.customer,
            operation=operation.step.operation,
            reference=operation.step.reference,
            quantity=operation.step.quantity,
            intended_ns=intended_ns,
            sent_ns=attempts[0].sent_ns,
            accepted_ns=None
            if accepted_ns is None
            else accepted_ns - self._clock.start_ns,
            final_ns=final_ns,
            outcome=outcome.value,
            order=answer.order,
            amount=answer.amount,
            attempts=tuple(attempts),
        )
