"""The order's state machine: claims about every status, party and moment."""

from itertools import product

import pytest

from shop_contract.rules import (
    Action,
    Actor,
    Design,
    Moved,
    Order,
    Party,
    Reason,
    Rejected,
    Status,
    pay,
    redirect,
    transition,
)
from shop_contract.rules.limits import CLAIM_WINDOW_S
from shop_contract.rules.orders import FINAL, RULES

DEADLINE_S = 5_000_000
BUYER = Actor("alice")
OWNER = Actor("olga", frozenset({Party.OWNER}))
MOULDER = Actor("max", frozenset({Party.MOULDER}))
COURIER = Actor("cora", frozenset({Party.COURIER}))
STRANGER = Actor("bob")
ACTORS = (BUYER, OWNER, MOULDER, COURIER, STRANGER)
OPEN = tuple(status for status in Status if status not in FINAL)
MOMENTS = (
    0,
    DEADLINE_S,
    DEADLINE_S + 1,
    DEADLINE_S + CLAIM_WINDOW_S,
    DEADLINE_S + CLAIM_WINDOW_S + 1,
)


def order(status: Status) -> Order:
    return Order(
        buyer="alice",
        reference=b"\x01" * 32,
        design=Design(0, 0, 0),
        quantity=3,
        unit_price=100,
        catalogue_version=7,
        placed_at_s=0,
        status=status,
        deadline_s=0 if status in FINAL else DEADLINE_S,
    )


def accepted(status: Status, now_s: int, actor: Actor) -> set[Action]:
    found = set()
    for action in Action:
        if isinstance(transition(order(status), action, actor, now_s), Moved):
            found.add(action)
    return found


@pytest.mark.parametrize(("status", "actor"), list(product(FINAL, ACTORS)))
def test_what_is_final_never_moves(status: Status, actor: Actor) -> None:
    for now_s in MOMENTS:
        assert accepted(status, now_s, actor) == set()


@pytest.mark.parametrize(("status", "now_s"), list(product(OPEN, MOMENTS)))
def test_a_stranger_can_do_nothing(status: Status, now_s: int) -> None:
    assert accepted(status, now_s, STRANGER) == set()


@pytest.mark.parametrize("status", OPEN)
def test_nothing_strands(status: Status) -> None:
    """When all windows have passed, buyer and owner each can end the order alone."""
    late = DEADLINE_S + CLAIM_WINDOW_S + 1
    for actor in (BUYER, OWNER):
        ends = {RULES[action].target for action in accepted(status, late, actor)}
        assert ends & set(FINAL)


@pytest.mark.parametrize("status", OPEN)
def test_the_shop_moves_forward_only_up_to_the_deadline(status: Status) -> None:
    for actor in (MOULDER, COURIER):
        assert accepted(status, DEADLINE_S + 1, actor) == set()
    for now_s in (0, DEADLINE_S):
        assert Action.EXPIRE not in accepted(status, now_s, BUYER)
    assert Action.EXPIRE in accepted(status, DEADLINE_S + 1, BUYER)


@pytest.mark.parametrize("action", Action)
def test_money_and_candles_go_where_the_order_ends(action: Action) -> None:
    for status, actor, now_s in product(OPEN, ACTORS, MOMENTS):
        moved = transition(order(status), action, actor, now_s)
        if isinstance(moved, Rejected):
            continue
        end = moved.order.status
        escrowed = 0 if status is Status.PLACED else 300
        assert moved.proceeds == (300 if end is Status.DELIVERED else 0)
        given_back = end in (Status.CANCELLED, Status.REFUNDED, Status.EXPIRED)
        assert moved.refund == (escrowed if given_back else 0)
        unmoulded = status in (Status.PLACED, Status.PAID)
        assert moved.restock == (3 if given_back and unmoulded else 0)
        assert (moved.order.deadline_s == 0) == (end in FINAL)


def test_reasons_come_in_one_sequence() -> None:
    """Order, then caller, then status, then time."""
    late = DEADLINE_S + 1

    def reason(status: Status | None, action: Action, actor: Actor) -> Reason:
        subject = None if status is None else order(status)
        answer = transition(subject, action, actor, late)
        assert isinstance(answer, Rejected)
        return answer.reason

    assert reason(None, Action.MOULD, STRANGER) is Reason.UNKNOWN_ORDER
    assert reason(Status.SHIPPED, Action.MOULD, STRANGER) is Reason.NOT_AUTHORIZED
    assert reason(Status.SHIPPED, Action.CANCEL, OWNER) is Reason.NOT_YOUR_ORDER
    assert reason(Status.SHIPPED, Action.MOULD, MOULDER) is Reason.WRONG_STATUS
    assert reason(Status.PAID, Action.MOULD, MOULDER) is Reason.DEADLINE_PASSED
    assert reason(Status.SHIPPED, Action.RELEASE, OWNER) is Reason.TOO_EARLY


@pytest.mark.parametrize("amount", [0, 299, 301, -300, 2**256])
def test_a_payment_that_is_not_the_total_is_rejected(amount: int) -> None:
    answer = pay(order(Status.PLACED), amount, BUYER, 0)
    assert answer == Rejected(Reason.WRONG_PAYMENT)
    assert isinstance(pay(order(Status.PLACED), 300, BUYER, 0), Moved)


def test_a_redirect_keeps_status_and_deadline() -> None:
    moved = redirect(order(Status.MOULDING), b"sealed", BUYER, 0)
    assert moved == Moved(order(Status.MOULDING))


def test_an_account_that_is_buyer_and_courier_has_the_rights_of_both() -> None:
    both = Actor("alice", frozenset({Party.COURIER}))
    late = DEADLINE_S + 1
    assert isinstance(
        transition(order(Status.SHIPPED), Action.DELIVER, both, late), Moved
    )
