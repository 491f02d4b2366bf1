"""A whole shop in memory, made of the rules: the reference the worlds are compared to.

Each method is one operation by one account and changes all or nothing. It is no server:
no persistence, no concurrency, accounts are taken at their word.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from shop_contract.rules.catalogue import (
    Catalogue,
    Design,
    OptionKind,
    add_option,
    adjust_stock,
    set_prices,
)
from shop_contract.rules.orders import (
    FINAL,
    Action,
    Actor,
    Moved,
    Order,
    Party,
    Status,
    delivery_refusal,
    pay,
    redirect,
    transition,
)
from shop_contract.rules.ownership import Ownership, accept, offer
from shop_contract.rules.placing import OrderRequest, Placed, Situation, place
from shop_contract.rules.purchasing import Premises, purchase
from shop_contract.rules.reasons import Reason, Rejected


@dataclass
class ModelShop:
    """`now_s` is set by whoever drives the shop; it never runs by itself."""

    owner: str
    now_s: int
    catalogue: Catalogue = field(default_factory=Catalogue)
    paused: bool = False
    pending_owner: str | None = None
    orders: list[Order] = field(default_factory=list)  # order n is at n - 1
    order_of: dict[tuple[str, bytes], int] = field(default_factory=dict)
    deliveries: dict[int, bytes] = field(default_factory=dict)
    profiles: dict[str, bytes] = field(default_factory=dict)
    owed: dict[str, int] = field(default_factory=dict)
    roles: dict[Party, set[str]] = field(default_factory=dict)

    @property
    def escrowed(self) -> int:
        """The money of all orders that are paid and not final."""
        waiting = [o for o in self.orders if o.status not in (Status.PLACED, *FINAL)]
        return sum(order.total for order in waiting)

    def actor(self, account: str) -> Actor:
        roles = {party for party, holders in self.roles.items() if account in holders}
        if account == self.owner:
            roles.add(Party.OWNER)
        return Actor(account, frozenset(roles))

    # Buyers

    def place_unpaid(self, buyer: str, request: OrderRequest) -> int | Rejected:
        """Place an order to be paid later; returns its id."""
        situation = Situation(
            catalogue_version=self.catalogue.version,
            paused=self.paused,
            already_placed=(buyer, request.reference) in self.order_of,
            has_profile=buyer in self.profiles,
        )
        sku = self.catalogue.sku(request.design)
        placed = place(request, buyer, sku, situation, self.now_s)
        if isinstance(placed, Rejected):
            return placed
        return self._book(placed, request)

    def pay(self, buyer: str, order_id: int, amount: int) -> Rejected | None:
        moved = pay(self.order(order_id), amount, self.actor(buyer), self.now_s)
        return self._apply(order_id, moved)

    def place(self, buyer: str, request: OrderRequest, payment: int) -> int | Rejected:
        """Place and pay in one step; returns the order's id."""
        return self.place_batch(buyer, [request], payment)

    def place_batch(
        self, buyer: str, requests: Sequence[OrderRequest], payment: int
    ) -> int | Rejected:
        """Place and pay several orders, all or none; returns the id of the first."""
        premises = Premises(
            catalogue_version=self.catalogue.version,
            paused=self.paused,
            has_profile=buyer in self.profiles,
            shelf={r.design: self.catalogue.sku(r.design) for r in requests},
            taken=frozenset(
                r.reference for r in requests if (buyer, r.reference) in self.order_of
            ),
        )
        bought = purchase(requests, buyer, premises, payment, self.now_s)
        if isinstance(bought, Rejected):
            return bought
        pairs = zip(bought, requests, strict=True)
        ids = [self._book(placed, request) for placed, request in pairs]
        return ids[0]

    def redirect(self, account: str, order_id: int, delivery: bytes) -> Rejected | None:
        actor = self.actor(account)
        moved = redirect(self.order(order_id), delivery, actor, self.now_s)
        if isinstance(moved, Moved):
            self.deliveries[order_id] = delivery
        return self._apply(order_id, moved)

    def set_profile(self, account: str, delivery: bytes) -> Rejected | None:
        reason = delivery_refusal(delivery)
        if reason is not None:
            return Rejected(reason)
        self.profiles[account] = delivery
        return None

    def withdraw(self, account: str) -> int | Rejected:
        """Pay out all that the account is owed; returns the amount."""
        amount = self.owed.pop(account, 0)
        return amount if amount else Rejected(Reason.NOTHING_OWED)

    def act(self, account: str, action: Action, order_id: int) -> Rejected | None:
        """Any action on an order that needs no more than its id."""
        order = self.order(order_id)
        moved = transition(order, action, self.actor(account), self.now_s)
        return self._apply(order_id, moved)

    # The owner

    def add_option(self, account: str, kind: OptionKind, name: str) -> Rejected | None:
        return self._change(account, add_option(self.catalogue, kind, name))

    def set_prices(
        self, account: str, prices: Sequence[tuple[Design, int]]
    ) -> Rejected | None:
        return self._change(account, set_prices(self.catalogue, prices))

    def adjust_stock(
        self, account: str, changes: Sequence[tuple[Design, int]]
    ) -> Rejected | None:
        return self._change(account, adjust_stock(self.catalogue, changes))

    def set_paused(self, account: str, paused: bool) -> Rejected | None:
        if account != self.owner:
            return Rejected(Reason.NOT_AUTHORIZED)
        self.paused = paused
        return None

    def set_role(
        self, account: str, party: Party, holder: str, enabled: bool
    ) -> Rejected | None:
        """Appoint or dismiss a moulder or a courier."""
        if account != self.owner:
            return Rejected(Reason.NOT_AUTHORIZED)
        holders = self.roles.setdefault(party, set())
        (holders.add if enabled else holders.discard)(holder)
        return None

    def transfer_ownership(self, account: str, new_owner: str) -> Rejected | None:
        return self._hand_over(offer(self._held(), account, new_owner))

    def accept_ownership(self, account: str) -> Rejected | None:
        return self._hand_over(accept(self._held(), account))

    def order(self, order_id: int) -> Order | None:
        known = 1 <= order_id <= len(self.orders)
        return self.orders[order_id - 1] if known else None

    def _book(self, placed: Placed, request: OrderRequest) -> int:
        order = placed.order
        self._shelve(order.design, -placed.take_stock)
        self.orders.append(order)
        order_id = len(self.orders)
        self.order_of[order.buyer, order.reference] = order_id
        if request.delivery:
            self.deliveries[order_id] = request.delivery
        return order_id

    def _held(self) -> Ownership:
        return Ownership(self.owner, self.pending_owner)

    def _hand_over(self, held: Ownership | Rejected) -> Rejected | None:
        if isinstance(held, Rejected):
            return held
        self.owner, self.pending_owner = held.owner, held.offered_to
        return None

    def _apply(self, order_id: int, moved: Moved | Rejected) -> Rejected | None:
        if isinstance(moved, Rejected):
            return moved
        order = moved.order
        self.orders[order_id - 1] = order
        self._shelve(order.design, moved.restock)
        self._credit(order.buyer, moved.refund)
        self._credit(self.owner, moved.proceeds)
        return None

    def _change(self, account: str, changed: Catalogue | Rejected) -> Rejected | None:
        if account != self.owner:
            return Rejected(Reason.NOT_AUTHORIZED)
        if isinstance(changed, Rejected):
            return changed
        self.catalogue = changed
        return None

    def _credit(self, account: str, amount: int) -> None:
        if amount:
            self.owed[account] = self.owed.get(account, 0) + amount

    def _shelve(self, design: Design, change: int) -> None:
        if change:
            sku = self.catalogue.skus[design]
            skus = {
                **self.catalogue.skus,
                design: replace(sku, stock=sku.stock + change),
            }
            self.catalogue = replace(self.catalogue, skus=skus)
