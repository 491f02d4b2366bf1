"""Offered, then accepted; by nobody else."""

from shop_contract.rules import Reason, Rejected
from shop_contract.rules.ownership import Ownership, accept, offer

REFUSED = Rejected(Reason.NOT_AUTHORIZED)


def test_two_steps_and_the_offer_is_used_up() -> None:
    offered = offer(Ownership("olga"), "olga", "bob")
    assert offered == Ownership("olga", "bob")
    taken = accept(offered, "bob")
    assert taken == Ownership("bob")
    assert accept(taken, "bob") == REFUSED


def test_only_the_owner_offers_and_only_the_heir_accepts() -> None:
    held = Ownership("olga", "bob")
    assert offer(held, "bob", "bob") == REFUSED
    assert accept(held, "olga") == accept(held, "carol") == REFUSED
    assert accept(Ownership("olga"), "olga") == REFUSED


def test_an_offer_is_made_to_one_and_can_be_withdrawn() -> None:
    held = Ownership("olga", "bob")
    assert offer(held, "olga", "carol") == Ownership("olga", "carol")
    assert offer(held, "olga", None) == Ownership("olga")
