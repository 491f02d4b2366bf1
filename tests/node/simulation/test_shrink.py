"""Shrinking leaves what a failure needs, and positions that reproduce it."""

from node.simulation.plan import Plan, plan_of
from node.simulation.shrink import shrink


def test_only_what_the_failure_needs_is_left() -> None:
    plan = next(plan for seed in range(99) if len((plan := plan_of(seed)).faults) > 6)
    needed = (plan.faults[1], plan.faults[4])

    def is_failing(candidate: Plan) -> bool:
        return all(fault in candidate.faults for fault in needed)

    kept = shrink(plan, is_failing)
    assert plan.with_faults(kept).faults == needed
    assert plan.with_faults(kept).liars == ()


def test_plans_keep_to_what_the_protocol_promises() -> None:
    for seed in range(300):
        plan = plan_of(seed)
        assert len(plan.faulty) <= (plan.size - 1) // 3
        assert plan_of(seed) == plan
