"""The smallest part of a failing plan that still fails, found by leaving out.

Faults are dropped one by one, over and over, as long as the rest still fails; the
result names positions in the seed's schedule, so that seed and positions reproduce it.
"""

from collections.abc import Callable

from node.simulation.plan import Plan
from node.simulation.run import simulate


def fails(plan: Plan) -> bool:
    """Whether a checker objects."""
    return not simulate(plan).verdict.is_clean


def shrink(plan: Plan, is_failing: Callable[[Plan], bool] = fails) -> tuple[int, ...]:
    """Positions of faults without any of which the plan is clean."""
    kept = tuple(range(len(plan.lines())))
    progress = True
    while progress:
        progress = False
        for position in kept:
            fewer = tuple(at for at in kept if at != position)
            if is_failing(plan.with_faults(fewer)):
                kept, progress = fewer, True
    return kept
