"""A second opinion on the shop: what it should say and hold, written independently.

It imports nothing of the product and shares no idea with it: amounts are kept as one
flat ledger, permissions as sentences of literals. Where it and the contract differ, one
of them is wrong.
"""

from dataclasses import dataclass, field
from typing import Any

DAY = 86_400
STAFF_DOES = {"mould": "moulder", "ship": "courier", "refund": "owner"}
LATEST = {"mould", "ship"}
COMES_FROM = {
    "cancel": {"paid"},
    "mould": {"paid"},
    "ship": {"moulding"},
    "deliver": {"shipped"},
    "release": {"shipped"},
    "refund": {"paid", "moulding", "shipped"},
    "expire": {"paid", "moulding", "shipped"},
    "redirect": {"paid", "moulding"},
}
BECOMES = {
    "cancel": "cancelled",
    "mould": "moulding",
    "ship": "shipped",
    "deliver": "delivered",
    "release": "delivered",
    "refund": "refunded",
    "expire": "expired",
}
DAYS_FOR = {"paid": 7, "moulding": 14, "shipped": 30}


@dataclass
class Oracle:
    """`tell_*` returns the expected reason, or None and then has taken the step."""

    now: int
    owner: str = "owner"
    offered_to: str = ""
    closed: bool = False
    moulders: set[str] = field(default_factory=set)
    couriers: set[str] = field(default_factory=set)
    counts: list[int] = field(default_factory=lambda: [0, 0, 0])
    price: dict[tuple[int, ...], int] = field(default_factory=dict)
    stock: dict[tuple[int, ...], int] = field(default_factory=dict)
    orders: list[dict[str, Any]] = field(default_factory=list)
    seen: set[tuple[str, bytes]] = field(default_factory=set)
    homes: set[str] = field(default_factory=set)
    # Where every wei is that came in: "escrow", or the name of whom it is owed to.
    ledger: dict[str, int] = field(default_factory=lambda: {"escrow": 0})

    def tell_place(
        self, who: str, wishes: list[dict[str, Any]], paid: int
    ) -> str | None:
        """Several orders, all or none; a wish has the fields of the contract's call."""
        stock, seen, new = dict(self.stock), set(self.seen), []
        if not wishes:
            return "empty_batch"
        if len(wishes) > 16:
            return "batch_too_large"
        for wish in wishes:
            word = self._wish(who, wish, stock, seen)
            if word is not None:
                return word
            kind = wish["kind"]
            cost = self.price[kind] * wish["quantity"]
            stock[kind] -= wish["quantity"]
            seen.add((who, wish["reference"]))
            new.append(
                {
                    "buyer": who,
                    "kind": kind,
                    "quantity": wish["quantity"],
                    "cost": cost,
                    "status": "paid",
                    "due": self.now + 7 * DAY,
                }
            )
        if paid != sum(order["cost"] for order in new):
            return "wrong_payment"
        self.stock, self.seen = stock, seen
        self.orders += new
        self.ledger["escrow"] += paid
        return None

    def _wish(
        self,
        who: str,
        wish: dict[str, Any],
        stock: dict[tuple[int, ...], int],
        seen: set[tuple[str, bytes]],
    ) -> str | None:
        kind, quantity = wish["kind"], wish["quantity"]
        length = len(wish["delivery"])
        complaints = (
            (wish["reference"] == b"\0" * 32, "missing_reference"),
            ((who, wish["reference"]) in seen, "already_placed"),
            (self.closed, "paused"),
            (not self._exists(kind), "unknown_option"),
            (self.price.get(kind, 0) == 0, "not_for_sale"),
            (quantity == 0, "zero_quantity"),
            (quantity > 1000, "quantity_too_large"),
            (self.price.get(kind, 0) > wish["maximum"], "price_above_maximum"),
            (stock.get(kind, 0) < quantity, "out_of_stock"),
            (length > 512, "delivery_too_long"),
            (length == 0 and who not in self.homes, "missing_delivery"),
        )
        return next((word for bad, word in complaints if bad), None)

    def tell_act(self, who: str, verb: str, number: int, length: int = 1) -> str | None:
        """One step of one order; `length` is that of a redirect's envelope."""
        if not 1 <= number <= len(self.orders):
            return "unknown_order"
        order = self.orders[number - 1]
        word = self._may(who, verb, order)
        if word is not None:
            return word
        if verb == "redirect":
            return self._fits(length)
        if verb in ("mould", "ship"):
            order["status"] = BECOMES[verb]
            order["due"] = self.now + DAYS_FOR[BECOMES[verb]] * DAY
            return None
        if order["status"] == "paid":
            self.stock[order["kind"]] += order["quantity"]
        gets = self.owner if BECOMES[verb] == "delivered" else order["buyer"]
        self.ledger["escrow"] -= order["cost"]
        self.ledger[gets] = self.ledger.get(gets, 0) + order["cost"]
        order["status"], order["due"] = BECOMES[verb], 0
        return None

    def _may(self, who: str, verb: str, order: dict[str, Any]) -> str | None:
        is_buyer = who == order["buyer"]
        if verb in ("cancel", "redirect"):
            if not is_buyer:
                return "not_your_order"
        elif verb == "deliver":
            if not is_buyer and who not in self.couriers:
                return "not_authorized"
        elif verb == "expire":
            if not is_buyer and who != self.owner:
                return "not_authorized"
        else:
            needed = STAFF_DOES.get(verb, "owner")
            if not self._is(who, needed):
                return "not_authorized"
        if order["status"] not in COMES_FROM[verb]:
            return "wrong_status"
        late = self.now - order["due"]
        if late > 0 and (verb in LATEST or (verb == "deliver" and not is_buyer)):
            return "deadline_passed"
        if (verb == "expire" and late <= 0) or (verb == "release" and late <= 30 * DAY):
            return "too_early"
        return None

    def _is(self, who: str, what: str) -> bool:
        if what == "owner":
            return who == self.owner
        return who in (self.moulders if what == "moulder" else self.couriers)

    def tell_profile(self, who: str, length: int) -> str | None:
        word = self._fits(length)
        if word is None:
            self.homes.add(who)
        return word

    def _fits(self, length: int) -> str | None:
        if length == 0:
            return "missing_delivery"
        return "delivery_too_long" if length > 512 else None

    def tell_withdraw(self, who: str, is_taken: bool = True) -> str | None:
        if not self.ledger.get(who, 0):
            return "nothing_owed"
        if not is_taken:
            return "payment_failed"
        self.ledger[who] = 0
        return None

    def tell_option(self, who: str, kind: int, name: str) -> str | None:
        if who != self.owner:
            return "not_authorized"
        if not 0 < len(name) < 33:
            return "invalid_name"
        if self.counts[kind] == 16:
            return "too_many_options"
        self.counts[kind] += 1
        return None

    def tell_changes(
        self, who: str, what: str, changes: list[tuple[tuple[int, ...], int]]
    ) -> str | None:
        """`what` is "price" or "stock"."""
        if who != self.owner:
            return "not_authorized"
        if not changes:
            return "empty_batch"
        new = dict(self.price if what == "price" else self.stock)
        for kind, number in changes:
            if not self._exists(kind):
                return "unknown_option"
            if what == "price":
                if number >= 2**96:
                    return "price_too_large"
                new[kind] = number
                continue
            new[kind] = new.get(kind, 0) + number
            if new[kind] < 0:
                return "out_of_stock"
            if new[kind] >= 2**32:
                return "stock_too_large"
        if what == "price":
            self.price = new
        else:
            self.stock = new
        return None

    def tell_owner(
        self, who: str, verb: str, other: str = "", on: bool = True
    ) -> str | None:
        """pause, moulder, courier, offer: what only the owner does; and accept."""
        if who != (self.offered_to if verb == "accept" else self.owner):
            return "not_authorized"
        match verb:
            case "pause":
                self.closed = on
            case "offer":
                self.offered_to = other
            case "accept":
                self.owner, self.offered_to = who, ""
            case _:
                people = self.moulders if verb == "moulder" else self.couriers
                people.discard(other)
                people.update({other} if on else set())
        return None

    def _exists(self, kind: tuple[int, ...]) -> bool:
        return all(a < b for a, b in zip(kind, self.counts, strict=True))
