"""Every action on an order in every status, by everybody, early and late: the contract
says what the rules say, and what it does leaves the same money and the same shelf."""

import pytest

from shop_contract.conformance import ContractAdapter, ModelAdapter
from shop_contract.conformance.runner import Run, take_opening
from shop_contract.rules.limits import CLAIM_WINDOW_S, DELIVERY_WINDOW_S
from shop_contract.rules.orders import Action
from tests.shop_contract.chain_shop import EvmShop

LATE = DELIVERY_WINDOW_S + 1
PLACED = {"op": "place", "by": "alice", "quantity": "2", "payment": "2000"}
WAYS = {
    "paid": [],
    "moulding": [("mould", "moulder")],
    "shipped": [("mould", "moulder"), ("ship", "courier")],
    "delivered": [("mould", "moulder"), ("ship", "courier"), ("deliver", "alice")],
    "cancelled": [("cancel", "alice")],
    "refunded": [("refund", "owner")],
    "expired": [("wait", LATE), ("expire", "alice")],
}
ACTIONS = [a for a in Action if a not in {Action.PAY, Action.REDIRECT}]
ACTORS = ("alice", "bob", "owner", "moulder", "courier")
WAITS = (0, LATE, LATE + CLAIM_WINDOW_S)


def brought_to(status: str, wait_s: int) -> tuple[EvmShop, ModelAdapter]:
    """Two shops with alice's order in the status, after a wait; another is bob's."""
    chain, model = EvmShop(), ModelAdapter()
    for shop in (ContractAdapter(chain), model):
        take_opening(shop)
        run = Run(shop)
        run.perform({**PLACED, "reference": "a"})
        run.perform({**PLACED, "by": "bob", "reference": "b"})
        for step, by in WAYS[status]:
            if step == "wait":
                run.perform({"op": "wait", "seconds": by})
            else:
                run.perform({"op": step, "by": by, "order": "a"})
        assert run.observe("status", "a") == status
        shop.wait(wait_s)
    return chain, model


def standing(shop: ContractAdapter | ModelAdapter) -> dict[str, object]:
    """What there is to see of two orders, the shelf and the money."""
    orders = [shop.order(number) for number in (1, 2)]
    return {
        "orders": [(o.status, o.total, o.deadline_s - shop.now_s()) for o in orders],
        "owed": [shop.owed(name) for name in ACTORS],
        "escrowed": shop.escrowed(),
        "sku": shop.sku(orders[0].design),
    }


@pytest.mark.parametrize("wait_s", WAITS)
@pytest.mark.parametrize("status", WAYS)
def test_the_contract_does_what_the_rules_say(status: str, wait_s: int) -> None:
    chain, model = brought_to(status, wait_s)
    before = chain.evm
    orders = list(model.shop.orders)
    catalogue, owed = model.shop.catalogue, dict(model.shop.owed)
    for actor in ACTORS:
        for action in ACTIONS:
            chain.evm = before.copy()
            model.shop.orders = list(orders)
            model.shop.catalogue, model.shop.owed = catalogue, dict(owed)
            contract = ContractAdapter(chain)
            said = contract.act(actor, action, 1)
            assert said == model.act(actor, action, 1), (actor, action)
            if said is None:
                assert standing(contract) == standing(model), (actor, action)
