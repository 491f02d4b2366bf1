"""Before the load: what transactions may pay, and which order comes first."""

from typing import TYPE_CHECKING, Any, cast

import pytest

from bench.adapters.chain.provision import FEE_HEADROOM, first_order, read_fees
from bench.scenario.load import find_scenario, load_scenario
from bench.workload.plan import make_plan

if TYPE_CHECKING:
    from bench.adapters.chain.rpc import Nodes


class Told:
    """Nodes that answer by a table."""

    def __init__(self, **answers: int) -> None:
        self.answers = {**answers, "eth_chainId": 7}

    async def anywhere(self, method: str, *params: Any) -> str:
        return hex(self.answers[method])


@pytest.mark.parametrize(
    ("price", "advised", "tip"),
    [(10**9, 10**8, 10**8), (0, 10**9, 0), (1000, 10**9, 1000 * FEE_HEADROOM)],
)
async def test_a_tip_is_never_above_the_fee_that_gas_may_cost(
    price: int, advised: int, tip: int
) -> None:
    told = Told(eth_gasPrice=price, eth_maxPriorityFeePerGas=advised)
    fees = await read_fees(cast("Nodes", told))
    assert (fees.chain_id, fees.max_fee) == (7, price * FEE_HEADROOM)
    assert fees.priority_fee == tip <= fees.max_fee


def test_the_first_order_is_that_of_the_earliest_visit_that_has_one() -> None:
    plan = make_plan(load_scenario(find_scenario("quick")), 2, 90)
    found = first_order(plan)
    assert found is not None
    session, position = found
    assert session.steps[position].operation == "place_order"
    earlier = plan[: session.number]
    assert all(s.operation != "place_order" for v in earlier for s in v.steps)
    assert first_order([v for v in plan if v.kind == "window shopper"]) is None
