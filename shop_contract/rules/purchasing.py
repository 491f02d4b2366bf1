"""Buying: placing and paying at once, one order or several, all or none.

The promise: the orders of a purchase are judged one after the other, each on the shelf
that those before it left, and the payment is exactly the sum of their totals. Reasons
come in one fixed sequence: the size of the batch, then order by order as in `place`,
then the payment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shop_contract.rules.catalogue import Design, Sku
from shop_contract.rules.limits import MAX_BATCH
from shop_contract.rules.orders import Actor, pay
from shop_contract.rules.placing import OrderRequest, Placed, Situation, place
from shop_contract.rules.reasons import Reason, Rejected


@dataclass(frozen=True, slots=True)
class Premises:
    """What the shop knows when a purchase arrives.

    `shelf` has the SKU of each design asked for (None: there is no such option),
    `taken` those of the references that this buyer has used before.
    """

    catalogue_version: int
    paused: bool
    has_profile: bool
    shelf: Mapping[Design, Sku | None]
    taken: frozenset[bytes] = frozenset()


def purchase(
    requests: Sequence[OrderRequest],
    buyer: str,
    premises: Premises,
    payment: int,
    now_s: int,
) -> list[Placed] | Rejected:
    """The paid orders, in the sequence of the requests."""
    if not requests:
        return Rejected(Reason.EMPTY_BATCH)
    if len(requests) > MAX_BATCH:
        return Rejected(Reason.BATCH_TOO_LARGE)
    placed = _place_each(requests, buyer, premises, now_s)
    if isinstance(placed, Rejected):
        return placed
    if payment != sum(each.order.total for each in placed):
        return Rejected(Reason.WRONG_PAYMENT)
    actor = Actor(buyer)
    paid = []
    for each in placed:
        moved = pay(each.order, each.order.total, actor, now_s)
        if isinstance(moved, Rejected):
            return moved
        paid.append(Placed(moved.order, each.take_stock))
    return paid


def _place_each(
    requests: Sequence[OrderRequest], buyer: str, premises: Premises, now_s: int
) -> list[Placed] | Rejected:
    left: dict[Design, Sku] = {}  # on the shelf, where an earlier order took some
    seen: set[bytes] = set()
    placed = []
    for request in requests:
        situation = Situation(
            catalogue_version=premises.catalogue_version,
            paused=premises.paused,
            already_placed=request.reference in premises.taken
            or request.reference in seen,
            has_profile=premises.has_profile,
        )
        sku = left.get(request.design) or premises.shelf[request.design]
        each = place(request, buyer, sku, situation, now_s)
        if isinstance(each, Rejected):
            return each
        placed.append(each)
        if len(placed) < len(requests):
            assert sku is not None, "place rejects what is not in the catalogue"
            left[request.design] = replace(sku, stock=sku.stock - each.take_stock)
            seen.add(request.reference)
    return placed
