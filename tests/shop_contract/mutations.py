"""Ways to break the contract: textual changes of Shop.vy that compile and matter.

`mutants.py` runs the tests on each; `mutations_more.py` has further ones.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """Replace the `at`-th occurrence (from 0) of a piece of source by another."""

    name: str
    old: str
    new: str
    at: int = 0

    def apply(self, source: str) -> str:
        parts = source.split(self.old)
        if len(parts) < self.at + 2:
            raise ValueError(f"mutant {self.name!r} does not apply any more")
        left = self.old.join(parts[: self.at + 1])
        return left + self.new + self.old.join(parts[self.at + 1 :])


PAYS = 'assert msg.value == total, "wrong_payment"'
LATE = 'assert block.timestamp <= self._deadline(word), "deadline_passed"'
ENDED = "assert self._status(word) in [PAID, MOULDING, SHIPPED]"
TOO_EARLY = 'assert block.timestamp > self._deadline(word), "too_early"'

FIRST_MUTANTS = (
    Mutant("overpaying is accepted", PAYS, PAYS.replace("==", ">=")),
    Mutant("underpaying is accepted", PAYS, PAYS.replace("==", "<=")),
    Mutant(
        "a batch may be overpaid", "assert msg.value == due", "assert msg.value >= due"
    ),
    Mutant(
        "a batch forgets what it owes", "        due += total", "        due = total"
    ),
    Mutant(
        "anyone cancels",
        'assert msg.sender == self._buyer(word), "not_your_order"',
        "pass",
    ),
    Mutant(
        "anyone redirects",
        'assert msg.sender == self._buyer(word), "not_your_order"',
        "pass",
        1,
    ),
    Mutant(
        "cancelling while moulding",
        'self._status(word) == PAID, "wrong_status"\n    self._give_back',
        'self._status(word) in [PAID, MOULDING], "wrong_status"\n    self._give_back',
    ),
    Mutant(
        "cancelling twice",
        'self._status(word) == PAID, "wrong_status"\n    self._give_back',
        'self._status(word) in [PAID, CANCELLED], "wrong_status"\n    self._give_back',
    ),
    Mutant(
        "delivering twice",
        'self._status(word) == SHIPPED, "wrong_status"',
        'self._status(word) in [SHIPPED, DELIVERED], "wrong_status"',
    ),
    Mutant(
        "delivering what was not shipped",
        'self._status(word) == SHIPPED, "wrong_status"',
        'self._status(word) in [MOULDING, SHIPPED], "wrong_status"',
    ),
    Mutant(
        "only the courier delivers",
        "assert is_buyer or self.is_courier[msg.sender]",
        "assert self.is_courier[msg.sender]",
    ),
    Mutant(
        "the courier is never late",
        'assert is_buyer or block.timestamp <= self._deadline(word), "deadline_passed"',
        "pass",
    ),
    Mutant(
        "the buyer can be late",
        "assert is_buyer or block.timestamp",
        "assert block.timestamp",
    ),
    Mutant(
        "delivery pays the caller",
        "self._settle(order_id, word, DELIVERED, self.owner)",
        "self._settle(order_id, word, DELIVERED, msg.sender)",
    ),
    Mutant("moulding is late at its deadline", LATE, LATE.replace("<=", "<")),
    Mutant("moulding is never late", LATE, "pass"),
    Mutant("shipping is late at its deadline", LATE, LATE.replace("<=", "<"), 1),
    Mutant("expiry at the deadline itself", TOO_EARLY, TOO_EARLY.replace(">", ">=")),
    Mutant("anyone calls in a deadline", 'assert is_party, "not_authorized"', "pass"),
    Mutant(
        "expiry pays the caller",
        "self._settle(order_id, word, status, self._buyer(word))",
        "self._settle(order_id, word, status, msg.sender)",
    ),
    Mutant(
        "what is shipped cannot expire",
        ENDED,
        "assert self._status(word) in [PAID, MOULDING]",
    ),
    Mutant(
        "refunding what is refunded",
        ENDED,
        "assert self._status(word) in [PAID, MOULDING, SHIPPED, REFUNDED]",
        1,
    ),
    Mutant(
        "release without a claim window",
        "self._deadline(word) + CLAIM_WINDOW",
        "self._deadline(word)",
    ),
    Mutant(
        "release one second early",
        "block.timestamp > self._deadline(word) + CLAIM_WINDOW",
        "block.timestamp >= self._deadline(word) + CLAIM_WINDOW",
    ),
    Mutant(
        "the maximum price is not looked at",
        'assert price <= request.maximum_price, "price_above_maximum"',
        "pass",
    ),
    Mutant(
        "the maximum price is exclusive",
        "assert price <= request.maximum_price",
        "assert price < request.maximum_price",
    ),
    Mutant(
        "selling more than there is",
        "assert request.quantity <= word & _MASK_64",
        "assert request.quantity <= (word & _MASK_64) + 1",
    ),
    Mutant(
        "the last candle is not sold",
        "assert request.quantity <= word & _MASK_64",
        "assert request.quantity < word & _MASK_64",
    ),
    Mutant(
        "the shelf is not emptied",
        "    self._sku_word[design] = word - request.quantity\n",
        "",
    ),
    Mutant(
        "an order of nothing", 'assert request.quantity > 0, "zero_quantity"', "pass"
    ),
    Mutant(
        "a quantity one too large",
        "request.quantity <= MAX_QUANTITY",
        "request.quantity <= MAX_QUANTITY + 1",
    ),
    Mutant("a reference is used again", 'assert taken == 0, "already_placed"', "pass"),
    Mutant(
        "references are shared by all buyers",
        "self.order_of[msg.sender][request.reference] = order_id",
        "self.order_of[self.owner][request.reference] = order_id",
    ),
    Mutant(
        "the pause is not looked at",
        'assert not self._is_paused(books), "paused"',
        "pass",
    ),
    Mutant(
        "the pause stops withdrawals",
        "    amount: uint256 = self.owed[msg.sender]\n",
        "    amount: uint256 = self.owed[msg.sender]\n"
        '    assert not self._is_paused(self._books), "paused"\n',
    ),
    Mutant("withdrawing again and again", "    self.owed[msg.sender] = 0\n", ""),
    Mutant("the sum of credits is not kept", "    self.owed_total -= amount\n", ""),
    Mutant(
        "a refused payment is forgotten", 'assert success, "payment_failed"', "pass"
    ),
    Mutant(
        "a withdrawal ignores its recipient",
        "raw_call(recipient, b",
        "raw_call(msg.sender, b",
    ),
    Mutant("re-entering is possible", "#pragma nonreentrancy on\n", ""),
    Mutant(
        "paying before the books are changed",
        "    self.owed[msg.sender] = 0\n    self.owed_total -= amount\n    log",
        "    log",
    ),
    Mutant(
        "candles never come back",
        "self._sku_word[(word >> _DESIGN_AT) & _MASK_24] += self._quantity(word)",
        "pass",
    ),
    Mutant(
        "moulded candles come back",
        "    if self._status(word) == PAID:\n",
        "    if self._status(word) != SHIPPED:\n",
    ),
    Mutant("the escrow is not released", "    self._books -= total\n", ""),
    Mutant(
        "an order's total is not put in escrow",
        "(1 << _COUNT_AT) + total, total",
        "(1 << _COUNT_AT), total",
    ),
    Mutant(
        "credits overwrite each other",
        "self.owed[account] += amount",
        "self.owed[account] = amount",
    ),
    Mutant(
        "prices take the stock with them",
        "(change.price << _PRICE_AT) | stock",
        "(change.price << _PRICE_AT)",
    ),
    Mutant(
        "stock changes take the price with them",
        "((word >> _PRICE_AT) << _PRICE_AT) | adjusted",
        "adjusted",
    ),
    Mutant(
        "anyone sets prices",
        "    self._check_owner()\n    assert len(changes) > 0",
        "    assert len(changes) > 0",
    ),
    Mutant(
        "anyone changes stock",
        "    self._check_owner()\n    assert len(changes) > 0",
        "    assert len(changes) > 0",
        1,
    ),
    Mutant("anyone pauses", "    self._check_owner()\n    others", "    others"),
    Mutant(
        "anyone appoints moulders",
        "    self._check_owner()\n    self.is_moulder",
        "    self.is_moulder",
    ),
    Mutant(
        "anyone appoints couriers",
        "    self._check_owner()\n    self.is_courier",
        "    self.is_courier",
    ),
    Mutant(
        "anyone gives the shop away",
        "    self._check_owner()\n    self.pending_owner",
        "    self.pending_owner",
    ),
    Mutant(
        "anyone takes the shop",
        'assert msg.sender == self.pending_owner, "not_authorized"',
        "pass",
    ),
    Mutant(
        "one step gives the shop away",
        "    self.pending_owner = new_owner\n",
        "    self.pending_owner = new_owner\n    self.owner = new_owner\n",
    ),
    Mutant(
        "an accepted offer stays open", "    self.pending_owner = empty(address)\n", ""
    ),
    Mutant(
        "anyone claims a surplus", "    self._check_owner()\n    surplus", "    surplus"
    ),
    Mutant(
        "the escrow is a surplus",
        "self.balance - self._liabilities()",
        "self.balance - self.owed_total",
    ),
    Mutant(
        "the pause bit loses the version",
        "self._books & ~(1 << _PAUSED_AT)",
        "self._books & _MASK_128",
    ),
    Mutant(
        "options wrap into others",
        "request.scent < MAX_OPTIONS",
        "request.scent < 1024",
    ),
    Mutant(
        "a seventeenth option",
        "assert option < MAX_OPTIONS",
        "assert option <= MAX_OPTIONS - 2",
    ),
    Mutant(
        "the version stands still", "self._books + (1 << _VERSION_AT)", "self._books"
    ),
    Mutant(
        "an order forgets its version",
        "| (self._version(books) << _TERMS_VERSION_AT)",
        "| (1 << _TERMS_VERSION_AT)",
    ),
    Mutant(
        "a long envelope is taken",
        'assert len(request.delivery) <= MAX_DELIVERY_BYTES, "delivery_too_long"',
        "pass",
    ),
    Mutant(
        "no address is needed",
        'assert self.profile[msg.sender] != empty(bytes32), "missing_delivery"',
        "pass",
    ),
    Mutant(
        "redirecting what is shipped",
        'in [PAID, MOULDING], "wrong_status"\n    assert len',
        'in [PAID, MOULDING, SHIPPED], "wrong_status"\n    assert len',
    ),
    Mutant(
        "an order's own envelope is not kept",
        "    self._order_digest[order_id] = digest\n",
        "",
    ),
    Mutant("moving an order loses its quantity", " | (_MASK_24 << _QUANTITY_AT))", ")"),
    Mutant(
        "a final order keeps a deadline",
        "self._move(order_id, word, status, 0)",
        "self._move(order_id, word, status, block.timestamp)",
    ),
    Mutant(
        "transitions are not logged",
        "    log OrderMoved(\n        order_id=order_id, status=status, "
        "actor=msg.sender, deadline=deadline\n    )\n",
        "",
    ),
    Mutant(
        "a page skips an order",
        "page.append(self._order(first + i))",
        "page.append(self._order(first + i + 1))",
    ),
    Mutant(
        "the owner's surplus is paid twice",
        "    self._credit(self.owner, 0, surplus)\n",
        "    self._credit(self.owner, 0, surplus)\n" * 2,
    ),
    Mutant(
        "the moulding window is a day short",
        "block.timestamp + MOULD_WINDOW",
        "block.timestamp + MOULD_WINDOW - 86_400",
    ),
    Mutant(
        "shipping has the moulding window",
        "MOULDING, block.timestamp + SHIP_WINDOW",
        "MOULDING, block.timestamp + MOULD_WINDOW",
    ),
)
