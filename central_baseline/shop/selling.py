"""From a buyer's request to a committed order, and from each step to the next.

The promise: what is written was allowed by the shop's rules on a state that still held
when it was written; a request is acknowledged once its commit is durable; a retry with
the same reference gets the first answer, after a durable write of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from central_baseline.db import batches, orders
from central_baseline.db.accounts import Account
from central_baseline.db.database import Database
from central_baseline.db.orders import Purchase, Snapshot, StoredOrder
from central_baseline.db.outcomes import Overloaded, PremiseFailed
from shop_contract.rules import (
    Action,
    Actor,
    Design,
    Moved,
    Order,
    OrderRequest,
    Party,
    Premises,
    Reason,
    Rejected,
    Situation,
    Sku,
    pay,
    place,
    purchase,
    redirect,
    transition,
)
from shop_contract.rules.limits import MAX_STOCK

ATTEMPTS = 4  # at a decision whose premises change under it
MAX_REMEMBERED_PRICES = 4096  # 16 options of each kind


@dataclass(frozen=True)
class Sold:
    """An acknowledged placement; `order` is the first answer, also on a retry."""

    stored: StoredOrder
    replayed: bool

    @property
    def order(self) -> Order:
        now, first = self.stored.order, self.stored.first_status
        if (now.status, now.deadline_s) == (first, self.stored.first_deadline_s):
            return now
        return replace(now, status=first, deadline_s=self.stored.first_deadline_s)


@dataclass(frozen=True)
class StepWith:
    """What comes with a step: money with `pay`, an envelope with `redirect`."""

    amount: int = 0
    delivery: bytes = b""


class Seller:
    """Places and moves orders on one primary database."""

    def __init__(self, primary: Database) -> None:
        self._primary = primary
        self._version = -1
        self._prices: dict[Design, int] = {}

    async def sell(
        self, account: Account, request: OrderRequest, payment: int | None
    ) -> Sold | Rejected:
        """Place an order, and pay it in the same transaction when money came along."""
        attempt = self._remembered(request.design)
        for _ in range(ATTEMPTS):
            if attempt is not None:
                decided = decide(account, request, payment, attempt)
                if not isinstance(decided, Rejected):
                    try:
                        stored = await orders.place(self._primary, decided)
                    except PremiseFailed:
                        pass  # what we remembered or read is out of date
                    else:
                        return _sold(request, stored)
            attempt = await orders.snapshot(
                self._primary, account.id, request.reference, request.design
            )
            self._remember(request.design, attempt)
            decided = decide(account, request, payment, attempt)
            if isinstance(decided, Rejected):
                return await self._refused(account, request, decided)
        raise Overloaded("prices or stock kept changing; try again")

    async def sell_batch(
        self, account: Account, requests: Sequence[OrderRequest], payment: int
    ) -> list[Sold] | Rejected:
        """Place and pay several orders, all or none; answers in the requests' order."""
        for _ in range(ATTEMPTS):
            seen = await batches.premises(self._primary, account.id, requests)
            decided = purchase(requests, str(account.id), seen, payment, now_s=0)
            if isinstance(decided, Rejected):
                return await self._refused_batch(account, requests, decided, seen)
            envelopes = [request.delivery or None for request in requests]
            try:
                stored = await batches.place(
                    self._primary, account.id, decided, envelopes
                )
            except PremiseFailed:
                continue  # what was read is out of date
            return _all_sold(requests, stored)
        raise Overloaded("prices or stock kept changing; try again")

    async def step(
        self,
        account: Account,
        order_id: int,
        action: Action,
        brought: StepWith | None = None,
    ) -> StoredOrder | Rejected:
        """Move one order on; what may not be is refused with the rules' reason."""
        carried = brought or StepWith()
        actor = actor_of(account)
        for _ in range(ATTEMPTS):
            found = await orders.by_id(self._primary, order_id)
            before, now_s = found if found else (None, 0)
            order = before.order if before else None
            moved = _moved(order, action, actor, carried, now_s)
            if isinstance(moved, Rejected):
                return moved
            assert before is not None, "the rules reject an order that is not there"
            envelope = carried.delivery or None
            try:
                return await orders.move(
                    self._primary, before, moved, action, account.id, envelope
                )
            except PremiseFailed:
                continue  # another step came first: decide again on what it left
        raise Overloaded("the order kept changing; try again")

    async def _refused(
        self, account: Account, request: OrderRequest, refusal: Rejected
    ) -> Sold | Rejected:
        if refusal.reason is not Reason.ALREADY_PLACED:
            return refusal
        stored = await orders.replay(self._primary, account.id, request.reference)
        return _sold(request, stored) if stored else refusal

    async def _refused_batch(
        self,
        account: Account,
        requests: Sequence[OrderRequest],
        refusal: Rejected,
        seen: Premises,
    ) -> list[Sold] | Rejected:
        references = [request.reference for request in requests]
        retried = refusal.reason is Reason.ALREADY_PLACED
        if not retried or len(seen.taken) != len(references):
            return refusal
        stored = await batches.replay(self._primary, account.id, references)
        return _all_sold(requests, stored)

    def _remembered(self, design: Design) -> Snapshot | None:
        """A hopeful snapshot: the last known price, and everything else in favour.

        The write checks each of these premises, so hoping saves a round trip and
        risks nothing but one.
        """
        price = self._prices.get(design)
        if price is None:
            return None
        sku = Sku(design, price, MAX_STOCK)
        return Snapshot(self._version, False, False, True, sku)

    def _remember(self, design: Design, seen: Snapshot) -> None:
        if seen.catalogue_version != self._version:
            self._prices.clear()
            self._version = seen.catalogue_version
        if seen.sku is not None and len(self._prices) < MAX_REMEMBERED_PRICES:
            self._prices[design] = seen.sku.price


def actor_of(account: Account) -> Actor:
    """The account in the words of the rules."""
    return Actor(str(account.id), account.roles)


def may_read(account: Account, order: Order) -> bool:
    """Its buyer and everybody who works on orders."""
    actor = actor_of(account)
    return any(actor.is_party(party, order) for party in Party)


def decide(
    account: Account, request: OrderRequest, payment: int | None, seen: Snapshot
) -> Purchase | Rejected:
    """Apply the rules to a snapshot; without a payment the order waits for it."""
    if payment is None:
        situation = Situation(
            seen.catalogue_version, seen.paused, seen.already_placed, seen.has_profile
        )
        placed = place(request, str(account.id), seen.sku, situation, now_s=0)
        if isinstance(placed, Rejected):
            return placed
    else:
        bought = purchase(
            [request], str(account.id), _premises(request, seen), payment, now_s=0
        )
        if isinstance(bought, Rejected):
            return bought
        placed = bought[0]
    return Purchase(account.id, placed, request.delivery or None)


def _premises(request: OrderRequest, seen: Snapshot) -> Premises:
    return Premises(
        seen.catalogue_version,
        seen.paused,
        seen.has_profile,
        {request.design: seen.sku},
        frozenset((request.reference,)) if seen.already_placed else frozenset(),
    )


def _moved(
    order: Order | None, action: Action, actor: Actor, brought: StepWith, now_s: int
) -> Moved | Rejected:
    if action is Action.PAY:
        return pay(order, brought.amount, actor, now_s)
    if action is Action.REDIRECT:
        return redirect(order, brought.delivery, actor, now_s)
    return transition(order, action, actor, now_s)


def _sold(request: OrderRequest, stored: StoredOrder) -> Sold | Rejected:
    """The answer to this request, unless its reference stands for another purchase."""
    same = (
        stored.order.design == request.design
        and stored.order.quantity == request.quantity
    )
    if not same:
        return Rejected(Reason.ALREADY_PLACED)
    return Sold(stored, replayed=stored.replays > 0)


def _all_sold(
    requests: Sequence[OrderRequest], stored: Sequence[StoredOrder]
) -> list[Sold] | Rejected:
    by_reference = {each.order.reference: each for each in stored}
    found = []
    for request in requests:
        sold = _sold(request, by_reference[request.reference])
        if isinstance(sold, Rejected):
            return sold
        found.append(sold)
    return found
