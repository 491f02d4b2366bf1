"""A batch is judged as a whole: one shelf, one payment, one answer."""

from dataclasses import replace

import pytest

from shop_contract.rules import (
    Design,
    OrderRequest,
    Placed,
    Premises,
    Reason,
    Rejected,
    Sku,
    Status,
    purchase,
)
from shop_contract.rules.limits import MAX_BATCH, MOULD_WINDOW_S

CHEAP, DEAR = Design(0, 0, 0), Design(0, 1, 1)
SEEN = Premises(7, False, False, {CHEAP: Sku(CHEAP, 10, 5), DEAR: Sku(DEAR, 25, 9)})


def want(number: int, quantity: int = 1, design: Design = CHEAP) -> OrderRequest:
    return OrderRequest(design, quantity, 25, number.to_bytes(32, "big"), b"sealed")


def test_every_order_is_paid_and_dated() -> None:
    bought = purchase([want(1, 2), want(2, 1, DEAR)], "alice", SEEN, 45, 100)
    assert isinstance(bought, list)
    assert [placed.take_stock for placed in bought] == [2, 1]
    for placed in bought:
        assert isinstance(placed, Placed)
        assert placed.order.status is Status.PAID
        assert placed.order.deadline_s == 100 + MOULD_WINDOW_S
        assert placed.order.catalogue_version == 7


@pytest.mark.parametrize(
    ("requests", "payment", "reason"),
    [
        ([], 0, Reason.EMPTY_BATCH),
        ([want(n) for n in range(1, MAX_BATCH + 2)], 0, Reason.BATCH_TOO_LARGE),
        ([want(1, 3), want(2, 3)], 60, Reason.OUT_OF_STOCK),
        ([want(1), want(1)], 20, Reason.ALREADY_PLACED),
        ([want(1), want(2)], 19, Reason.WRONG_PAYMENT),
        ([want(1), want(2)], 21, Reason.WRONG_PAYMENT),
        # The first order that is wrong gives the reason, before any payment.
        ([want(1, 0), want(1)], 0, Reason.ZERO_QUANTITY),
    ],
)
def test_what_is_wrong_with_a_batch(
    requests: list[OrderRequest], payment: int, reason: Reason
) -> None:
    assert purchase(requests, "alice", SEEN, payment, 100) == Rejected(reason)


def test_a_batch_of_sixteen_is_taken() -> None:
    shelf = {CHEAP: Sku(CHEAP, 10, MAX_BATCH)}
    requests = [want(number) for number in range(1, MAX_BATCH + 1)]
    seen = replace(SEEN, shelf=shelf)
    bought = purchase(requests, "alice", seen, 10 * MAX_BATCH, 100)
    assert isinstance(bought, list)
    assert len(bought) == MAX_BATCH


def test_a_reference_that_the_buyer_used_before_is_refused() -> None:
    seen = replace(SEEN, taken=frozenset((want(2).reference,)))
    answer = purchase([want(1), want(2)], "alice", seen, 20, 100)
    assert answer == Rejected(Reason.ALREADY_PLACED)
    assert isinstance(purchase([want(1), want(3)], "alice", seen, 20, 100), list)


def test_the_shelf_of_the_caller_is_left_alone() -> None:
    before = dict(SEEN.shelf)
    purchase([want(1, 2)], "alice", SEEN, 20, 100)
    assert SEEN.shelf == before
