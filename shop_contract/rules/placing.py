"""Placing an order: from a request and the shelf to an order, or a reason why not.

Checks run in one fixed sequence, the same in every world. The reference comes first: a
client that retries learns that its order exists, whatever has changed since.
"""

from dataclasses import dataclass

from shop_contract.rules.catalogue import Design, Sku
from shop_contract.rules.limits import (
    MAX_DELIVERY_BYTES,
    MAX_QUANTITY,
    PAY_WINDOW_S,
    REFERENCE_BYTES,
)
from shop_contract.rules.orders import Order, Status
from shop_contract.rules.reasons import Reason, Rejected


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What a buyer asks for.

    `maximum_price` is per candle, in the smallest unit. `delivery` is the sealed
    envelope with the address of this order; empty: as the buyer's profile says.
    """

    design: Design
    quantity: int
    maximum_price: int
    reference: bytes
    delivery: bytes = b""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the shop knows when the request arrives."""

    catalogue_version: int
    paused: bool = False
    already_placed: bool = False  # this buyer has an order with this reference
    has_profile: bool = False  # this buyer's profile holds a delivery address


@dataclass(frozen=True, slots=True)
class Quote:
    unit_price: int
    total: int


@dataclass(frozen=True, slots=True)
class Placed:
    """The new order, and how many candles leave the shelf with it."""

    order: Order
    take_stock: int


def quote(
    sku: Sku | None, quantity: int, maximum_price: int | None = None
) -> Quote | Rejected:
    """Price a quantity of one design; `None` for the SKU: there is no such option.

    Without a maximum any price will do (a storefront's live price).
    """
    if sku is None:
        return Rejected(Reason.UNKNOWN_OPTION)
    if sku.price == 0:
        return Rejected(Reason.NOT_FOR_SALE)
    if quantity < 1:
        return Rejected(Reason.ZERO_QUANTITY)
    if quantity > MAX_QUANTITY:
        return Rejected(Reason.QUANTITY_TOO_LARGE)
    if maximum_price is not None and sku.price > maximum_price:
        return Rejected(Reason.PRICE_ABOVE_MAXIMUM)
    if quantity > sku.stock:
        return Rejected(Reason.OUT_OF_STOCK)
    return Quote(sku.price, sku.price * quantity)


def place(
    request: OrderRequest,
    buyer: str,
    sku: Sku | None,
    situation: Situation,
    now_s: int,
) -> Placed | Rejected:
    """Place an order, unpaid. Where placing and paying are one step, `pay` follows at
    the same `now_s`, and if it rejects, nothing was placed."""
    if not any(request.reference) or len(request.reference) != REFERENCE_BYTES:
        return Rejected(Reason.MISSING_REFERENCE)
    if situation.already_placed:
        return Rejected(Reason.ALREADY_PLACED)
    if situation.paused:
        return Rejected(Reason.PAUSED)
    quoted = quote(sku, request.quantity, request.maximum_price)
    if isinstance(quoted, Rejected):
        return quoted
    if len(request.delivery) > MAX_DELIVERY_BYTES:
        return Rejected(Reason.DELIVERY_TOO_LONG)
    if not request.delivery and not situation.has_profile:
        return Rejected(Reason.MISSING_DELIVERY)
    order = Order(
        buyer=buyer,
        reference=request.reference,
        design=request.design,
        quantity=request.quantity,
        unit_price=quoted.unit_price,
        catalogue_version=situation.catalogue_version,
        placed_at_s=now_s,
        status=Status.PLACED,
        deadline_s=now_s + PAY_WINDOW_S,
    )
    return Placed(order, take_stock=request.quantity)
