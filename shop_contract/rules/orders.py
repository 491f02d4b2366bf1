"""The life of an order as a table: who may do what, in which status, until when.

    placed --pay--> paid --mould--> moulding --ship--> shipped --deliver--> delivered
       |             |                  |                 |
       |             |                  |                 +--release--> delivered
       +--cancel-----+--> cancelled     |                 |
       |             +--refund----------+-----------------+--> refunded
       +--expire-----+------------------+-----------------+--> expired

Up to and at its deadline an order moves forward; only after it may it expire. So at any
moment exactly one side may act, and no order waits for ever: see `RULES`. Reasons are
tried in one fixed sequence: who, then status, then time, then amount.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from shop_contract.rules.catalogue import Design
from shop_contract.rules.limits import (
    CLAIM_WINDOW_S,
    DELIVERY_WINDOW_S,
    MAX_DELIVERY_BYTES,
    MOULD_WINDOW_S,
    SHIP_WINDOW_S,
)
from shop_contract.rules.reasons import Reason, Rejected


class Status(StrEnum):
    PLACED = "placed"  # stock is set aside, money not yet there
    PAID = "paid"  # money in escrow
    MOULDING = "moulding"
    SHIPPED = "shipped"  # the courier has the parcel
    DELIVERED = "delivered"  # the money is the shop's
    CANCELLED = "cancelled"  # by the buyer, before moulding
    REFUNDED = "refunded"  # by the shop
    EXPIRED = "expired"  # a deadline was missed; the money is the buyer's


FINAL = (Status.DELIVERED, Status.CANCELLED, Status.REFUNDED, Status.EXPIRED)


class Action(StrEnum):
    PAY = "pay"
    CANCEL = "cancel"
    MOULD = "mould"
    SHIP = "ship"
    DELIVER = "deliver"
    RELEASE = "release"
    REFUND = "refund"
    EXPIRE = "expire"
    REDIRECT = "redirect"


class Party(StrEnum):
    BUYER = "buyer"
    OWNER = "owner"
    MOULDER = "moulder"
    COURIER = "courier"


class Timing(StrEnum):
    ANY_TIME = "any_time"
    BY_DEADLINE = "by_deadline"  # now_s <= deadline_s
    AFTER_DEADLINE = "after_deadline"  # now_s > deadline_s
    AFTER_CLAIM_WINDOW = "after_claim_window"  # now_s > deadline_s + CLAIM_WINDOW_S


@dataclass(frozen=True, slots=True)
class Rule:
    """From which statuses to which (None: stays), and who may, when."""

    sources: tuple[Status, ...]
    target: Status | None
    parties: Mapping[Party, Timing]


_UNPAID_OR_PAID = (Status.PLACED, Status.PAID)
_ESCROWED = (Status.PAID, Status.MOULDING, Status.SHIPPED)

RULES: Mapping[Action, Rule] = {
    Action.PAY: Rule((Status.PLACED,), Status.PAID, {Party.BUYER: Timing.BY_DEADLINE}),
    Action.CANCEL: Rule(
        _UNPAID_OR_PAID, Status.CANCELLED, {Party.BUYER: Timing.ANY_TIME}
    ),
    Action.MOULD: Rule(
        (Status.PAID,), Status.MOULDING, {Party.MOULDER: Timing.BY_DEADLINE}
    ),
    Action.SHIP: Rule(
        (Status.MOULDING,), Status.SHIPPED, {Party.COURIER: Timing.BY_DEADLINE}
    ),
    # The buyer who has the parcel may always say so, however late it came.
    Action.DELIVER: Rule(
        (Status.SHIPPED,),
        Status.DELIVERED,
        {Party.BUYER: Timing.ANY_TIME, Party.COURIER: Timing.BY_DEADLINE},
    ),
    # A buyer who never answers must not keep the shop's money locked for ever.
    Action.RELEASE: Rule(
        (Status.SHIPPED,),
        Status.DELIVERED,
        {Party.OWNER: Timing.AFTER_CLAIM_WINDOW},
    ),
    Action.REFUND: Rule(_ESCROWED, Status.REFUNDED, {Party.OWNER: Timing.ANY_TIME}),
    Action.EXPIRE: Rule(
        (Status.PLACED, *_ESCROWED),
        Status.EXPIRED,
        {Party.BUYER: Timing.AFTER_DEADLINE, Party.OWNER: Timing.AFTER_DEADLINE},
    ),
    Action.REDIRECT: Rule(
        (Status.PLACED, Status.PAID, Status.MOULDING),
        None,
        {Party.BUYER: Timing.ANY_TIME},
    ),
}

_WINDOW_S: Mapping[Status, int] = {
    Status.PAID: MOULD_WINDOW_S,
    Status.MOULDING: SHIP_WINDOW_S,
    Status.SHIPPED: DELIVERY_WINDOW_S,
}


@dataclass(frozen=True, slots=True)
class Order:
    """One order. Accounts are opaque strings: addresses here, customer ids there."""

    buyer: str
    reference: bytes  # 32 bytes the buyer chose: the idempotency key
    design: Design
    quantity: int
    unit_price: int
    catalogue_version: int
    placed_at_s: int
    status: Status
    deadline_s: int  # 0 once the order is final

    @property
    def total(self) -> int:
        return self.unit_price * self.quantity


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks. Being the buyer follows from the account, the rest are roles."""

    account: str
    roles: frozenset[Party] = frozenset()

    def is_party(self, party: Party, order: Order) -> bool:
        if party is Party.BUYER:
            return self.account == order.buyer
        return party in self.roles


@dataclass(frozen=True, slots=True)
class Moved:
    """The order as it is now, and what else must change with it, atomically."""

    order: Order
    refund: int = 0  # credit to the buyer, out of escrow
    proceeds: int = 0  # credit to the owner, out of escrow
    restock: int = 0  # candles back on the shelf


def transition(
    order: Order | None, action: Action, actor: Actor, now_s: int
) -> Moved | Rejected:
    """Apply one action; `None` is an order that does not exist.

    For `Action.PAY` and `Action.REDIRECT` use `pay` and `redirect`, which also check
    what comes with them.
    """
    if order is None:
        return Rejected(Reason.UNKNOWN_ORDER)
    refusal = _refusal(order, action, actor, now_s)
    if refusal is not None:
        return Rejected(refusal)
    target = RULES[action].target
    if target is None:
        return Moved(order)
    window = _WINDOW_S.get(target)
    moved = replace(order, status=target, deadline_s=now_s + window if window else 0)
    if target not in FINAL:
        return Moved(moved)
    if target is Status.DELIVERED:
        return Moved(moved, proceeds=order.total)
    refund = order.total if order.status in _ESCROWED else 0
    restock = order.quantity if order.status in _UNPAID_OR_PAID else 0
    return Moved(moved, refund=refund, restock=restock)


def pay(order: Order | None, amount: int, actor: Actor, now_s: int) -> Moved | Rejected:
    """Pay exactly the total of a placed order."""
    moved = transition(order, Action.PAY, actor, now_s)
    if isinstance(moved, Moved) and amount != moved.order.total:
        return Rejected(Reason.WRONG_PAYMENT)
    return moved


def redirect(
    order: Order | None, delivery: bytes, actor: Actor, now_s: int
) -> Moved | Rejected:
    """Send one order elsewhere, until the courier has it. The envelope is the caller's
    to keep: an order record does not hold it."""
    moved = transition(order, Action.REDIRECT, actor, now_s)
    if isinstance(moved, Rejected):
        return moved
    reason = delivery_refusal(delivery)
    return Rejected(reason) if reason else moved


def delivery_refusal(delivery: bytes) -> Reason | None:
    """Why an envelope cannot be taken: empty or too long. What is in it is sealed."""
    if not delivery:
        return Reason.MISSING_DELIVERY
    if len(delivery) > MAX_DELIVERY_BYTES:
        return Reason.DELIVERY_TOO_LONG
    return None


def _refusal(order: Order, action: Action, actor: Actor, now_s: int) -> Reason | None:
    rule = RULES[action]
    timings = [
        timing for party, timing in rule.parties.items() if actor.is_party(party, order)
    ]
    if not timings:
        only_buyer = tuple(rule.parties) == (Party.BUYER,)
        return Reason.NOT_YOUR_ORDER if only_buyer else Reason.NOT_AUTHORIZED
    if order.status not in rule.sources:
        return Reason.WRONG_STATUS
    if any(_is_time(timing, order.deadline_s, now_s) for timing in timings):
        return None
    late = Timing.BY_DEADLINE in timings
    return Reason.DEADLINE_PASSED if late else Reason.TOO_EARLY


def _is_time(timing: Timing, deadline_s: int, now_s: int) -> bool:
    match timing:
        case Timing.ANY_TIME:
            return True
        case Timing.BY_DEADLINE:
            return now_s <= deadline_s
        case Timing.AFTER_DEADLINE:
            return now_s > deadline_s
        case Timing.AFTER_CLAIM_WINDOW:
            return now_s > deadline_s + CLAIM_WINDOW_S
