"""The model shop changes all or nothing, and its money adds up."""

from copy import deepcopy

import pytest

from shop_contract.rules import Action, Design, OrderRequest, Reason, Rejected
from shop_contract.rules.catalogue import default_catalogue
from shop_contract.rules.model import ModelShop

PRICE = 4_000_000_000_000_000


def request(name: int, quantity: int = 1) -> OrderRequest:
    reference = name.to_bytes(32, "big")
    return OrderRequest(Design(0, 0, 0), quantity, PRICE, reference, b"sealed")


@pytest.fixture
def shop() -> ModelShop:
    return ModelShop(owner="olga", now_s=0, catalogue=default_catalogue())


def test_a_rejected_batch_changes_nothing(shop: ModelShop) -> None:
    shop.place("alice", request(1), PRICE)
    before = deepcopy(shop)
    for requests, payment, reason in (
        ([request(2), request(1)], 2 * PRICE, Reason.ALREADY_PLACED),
        ([request(2), request(3)], 2 * PRICE - 1, Reason.WRONG_PAYMENT),
        ([request(2), request(3, quantity=0)], PRICE, Reason.ZERO_QUANTITY),
    ):
        answer = shop.place_batch("alice", requests, payment)
        assert answer == Rejected(reason)
        assert shop == before


def test_a_reference_of_the_wrong_length_is_none(shop: ModelShop) -> None:
    short = OrderRequest(Design(0, 0, 0), 1, PRICE, b"short", b"sealed")
    assert shop.place("alice", short, PRICE) == Rejected(Reason.MISSING_REFERENCE)


def test_money_goes_from_escrow_to_credit_to_the_pocket(shop: ModelShop) -> None:
    shop.place("alice", request(1, quantity=2), 2 * PRICE)
    assert (shop.escrowed, shop.owed) == (2 * PRICE, {})
    shop.act("alice", Action.CANCEL, 1)
    assert (shop.escrowed, shop.owed) == (0, {"alice": 2 * PRICE})
    assert shop.withdraw("alice") == 2 * PRICE
    assert shop.withdraw("alice") == Rejected(Reason.NOTHING_OWED)


def test_orders_are_numbered_from_one(shop: ModelShop) -> None:
    assert shop.order(1) is None
    assert shop.place("alice", request(1), PRICE) == 1
    assert shop.place_batch("bob", [request(1), request(2)], 2 * PRICE) == 2
    assert shop.order(0) is None
    assert shop.order(3) is not None
