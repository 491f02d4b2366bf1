"""When a probe of the knee may end early: its objective can no longer be met.

A percentile q within the objective allows the share 1-q of the orders to be late. Once
more are late than that share of all orders planned, no later order can mend it; going
on would only fill the target's queues. Nothing is decided here that the samples do not
show afterwards: the analysis judges the probe from them alone.
"""

import asyncio
from collections.abc import Sequence

from bench.load.clock import Clock
from bench.scenario.model import Scenario
from bench.trial.source import Counts
from bench.workload.plan import Session

LOOK_S = 0.25


class GiveUp:
    """Watches one probe; `given_up_s` is when it closed the doors, if it did."""

    def __init__(self, scenario: Scenario, plan: Sequence[Session]) -> None:
        planned = sum(
            step.operation == "place_order"
            for session in plan
            if session.start_s >= scenario.phases.warmup_s
            for step in session.steps
        )
        self._late_max = (1 - scenario.objective.order_quantile) * planned
        self.given_up_s: float | None = None

    async def watch(self, clock: Clock, load: Counts) -> None:
        """Look again and again until cancelled or given up."""
        while True:
            await asyncio.sleep(LOOK_S)
            if load.orders_late > self._late_max:
                break
        self.given_up_s = clock.now_ns() / 1e9
        load.close_doors()
