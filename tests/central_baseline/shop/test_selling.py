"""Deciding on a snapshot, without a database."""

from dataclasses import replace

import pytest

from central_baseline.db.accounts import Account
from central_baseline.db.orders import Purchase, Snapshot
from central_baseline.shop.selling import decide, may_read
from shop_contract.rules import (
    Design,
    OrderRequest,
    Party,
    Placed,
    Reason,
    Rejected,
    Situation,
    Sku,
    Status,
    place,
)
from shop_contract.rules.limits import MOULD_WINDOW_S, PAY_WINDOW_S

DESIGN = Design(0, 0, 0)
ALICE = Account(7, "alice", frozenset())
REQUEST = OrderRequest(DESIGN, 2, 100, b"\x01" * 32)
SEEN = Snapshot(3, False, False, True, Sku(DESIGN, 100, 5))


def test_a_purchase_is_paid_and_its_window_is_the_moulder_s() -> None:
    decided = decide(ALICE, REQUEST, 200, SEEN)
    assert isinstance(decided, Purchase)
    order = decided.placed.order
    assert (order.status, order.deadline_s) == (Status.PAID, MOULD_WINDOW_S)
    assert order.unit_price == 100
    assert decided.delivery is None


def test_without_money_it_waits_for_it() -> None:
    decided = decide(ALICE, REQUEST, None, SEEN)
    assert isinstance(decided, Purchase)
    order = decided.placed.order
    assert (order.status, order.deadline_s) == (Status.PLACED, PAY_WINDOW_S)


@pytest.mark.parametrize(
    ("seen", "payment", "reason"),
    [
        (replace(SEEN, already_placed=True), 200, Reason.ALREADY_PLACED),
        (replace(SEEN, paused=True), 200, Reason.PAUSED),
        (replace(SEEN, sku=None), 200, Reason.UNKNOWN_OPTION),
        (replace(SEEN, has_profile=False), 200, Reason.MISSING_DELIVERY),
        (replace(SEEN, sku=Sku(DESIGN, 100, 1)), 200, Reason.OUT_OF_STOCK),
        (SEEN, 199, Reason.WRONG_PAYMENT),
    ],
)
def test_the_rules_refuse(seen: Snapshot, payment: int, reason: Reason) -> None:
    assert decide(ALICE, REQUEST, payment, seen) == Rejected(reason)


def test_an_order_is_read_by_its_buyer_and_by_staff_only() -> None:
    placed = place(REQUEST, "7", SEEN.sku, Situation(3, has_profile=True), 0)
    assert isinstance(placed, Placed)
    assert may_read(ALICE, placed.order)
    assert not may_read(Account(8, "eve", frozenset()), placed.order)
    assert may_read(Account(9, "carl", frozenset({Party.COURIER})), placed.order)
