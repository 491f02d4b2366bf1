"""Further ways to break the contract: events and their arguments, seconds, single role
checks, amounts, batches, the pause, ownership, re-entrancy, hashes, views."""

from tests.shop_contract.mutations import Mutant

OWNER = "    self._check_owner()\n"
LONG = 'assert len(delivery) <= MAX_DELIVERY_BYTES, "delivery_too_long"'
PAUSE = '    assert not self._is_paused(self._books), "paused"\n'
WITHDRAW = "@external\ndef withdraw(recipient"

MORE_MUTANTS = (
    # Events
    Mutant(
        "a placed order's event names the maximum",
        "        total=total,\n        catalogue_version",
        "        total=request.maximum_price,\n        catalogue_version",
    ),
    Mutant(
        "a placed order's event has the time, not the deadline",
        "        deadline=deadline,\n    )\n    if has_envelope",
        "        deadline=block.timestamp,\n    )\n    if has_envelope",
    ),
    Mutant(
        "a placed order's event swaps shape and size",
        "        shape=request.shape,\n        size=request.size,\n",
        "        shape=request.size,\n        size=request.shape,\n",
    ),
    Mutant(
        "credits are not logged",
        "    log Credited(account=account, order_id=order_id, amount=amount)\n",
        "",
    ),
    Mutant(
        "a credit's event forgets its order",
        "log Credited(account=account, order_id=order_id,",
        "log Credited(account=account, order_id=0,",
    ),
    Mutant(
        "a withdrawal's event names the caller as recipient",
        "log Withdrawn(account=msg.sender, recipient=recipient,",
        "log Withdrawn(account=msg.sender, recipient=msg.sender,",
    ),
    Mutant(
        "an envelope is not logged",
        "    log OrderDelivery(\n        order_id=order_id, buyer=msg.sender, "
        "digest=digest, envelope=delivery\n    )\n",
        "",
    ),
    Mutant(
        "a profile's event is missing",
        "    log ProfileChanged(account=msg.sender, digest=digest, "
        "envelope=delivery)\n",
        "",
    ),
    Mutant(
        "the pause is logged as always on",
        "log PausedSet(paused=paused)",
        "log PausedSet(paused=True)",
    ),
    Mutant(
        "a stock's event has the change, not the stock",
        "scent=change.scent, stock=adjusted",
        "scent=change.scent, stock=convert(abs(change.change), uint256)",
    ),
    Mutant(
        "an option's event counts from one",
        "kind=kind, option=option, name=name",
        "kind=kind, option=option + 1, name=name",
    ),
    Mutant(
        "an offer is not logged",
        "    log OwnershipTransferStarted(previous_owner=msg.sender, "
        "new_owner=new_owner)\n",
        "",
    ),
    Mutant(
        "a transfer's event has both owners the wrong way round",
        "log OwnershipTransferred(previous_owner=previous, new_owner=msg.sender)",
        "log OwnershipTransferred(previous_owner=msg.sender, new_owner=previous)",
    ),
    Mutant(
        "the first owner is not logged",
        "    log OwnershipTransferred(previous_owner=empty(address), "
        "new_owner=msg.sender)\n",
        "",
    ),
    Mutant(
        "a dismissed courier is logged as appointed",
        "log CourierSet(account=account, enabled=enabled)",
        "log CourierSet(account=account, enabled=True)",
    ),
    # Seconds
    Mutant(
        "the courier is late at the deadline",
        "is_buyer or block.timestamp <= self",
        "is_buyer or block.timestamp < self",
    ),
    Mutant(
        "expiry one second late",
        "block.timestamp > self._deadline(word), ",
        "block.timestamp > self._deadline(word) + 1, ",
    ),
    Mutant(
        "release one second late",
        "self._deadline(word) + CLAIM_WINDOW",
        "self._deadline(word) + CLAIM_WINDOW + 1",
    ),
    Mutant(
        "shipping is never late",
        'assert block.timestamp <= self._deadline(word), "deadline_passed"',
        "pass",
        1,
    ),
    Mutant(
        "delivery has the shipping window",
        "SHIPPED, block.timestamp + DELIVERY_WINDOW",
        "SHIPPED, block.timestamp + SHIP_WINDOW",
    ),
    Mutant(
        "the shipping window runs from the old deadline",
        "MOULDING, block.timestamp + SHIP_WINDOW",
        "MOULDING, self._deadline(word) + SHIP_WINDOW",
    ),
    # Who may
    Mutant(
        "anyone moulds", 'assert self.is_moulder[msg.sender], "not_authorized"', "pass"
    ),
    Mutant(
        "anyone ships", 'assert self.is_courier[msg.sender], "not_authorized"', "pass"
    ),
    Mutant(
        "couriers mould",
        "assert self.is_moulder[msg.sender],",
        "assert self.is_moulder[msg.sender] or self.is_courier[msg.sender],",
    ),
    Mutant(
        "anyone refunds", 'assert msg.sender == self.owner, "not_authorized"', "pass"
    ),
    Mutant(
        "anyone releases",
        'assert msg.sender == self.owner, "not_authorized"',
        "pass",
        1,
    ),
    Mutant(
        "the buyer releases",
        'assert msg.sender == self.owner, "not_authorized"',
        'assert msg.sender in [self.owner, self._buyer(word)], "not_authorized"',
        1,
    ),
    Mutant("anyone adds options", OWNER + "    assert kind <=", "    assert kind <="),
    Mutant(
        "anyone publishes a key",
        OWNER + "    self.delivery_key",
        "    self.delivery_key",
    ),
    Mutant(
        "the owner cannot call in a deadline",
        "msg.sender == self._buyer(word) or msg.sender == self.owner\n",
        "msg.sender == self._buyer(word)\n",
    ),
    Mutant(
        "moulders are never dismissed",
        "self.is_moulder[account] = enabled",
        "self.is_moulder[account] = True",
    ),
    Mutant(
        "couriers are never dismissed",
        "self.is_courier[account] = enabled",
        "self.is_courier[account] = enabled or self.is_courier[account]",
    ),
    Mutant(
        "the one who signs is the buyer",
        "convert(msg.sender, uint256)",
        "convert(tx.origin, uint256)",
    ),
    Mutant(
        "the owner cancels too",
        'assert msg.sender == self._buyer(word), "not_your_order"',
        'assert msg.sender in [self._buyer(word), self.owner], "not_your_order"',
    ),
    # Amounts
    Mutant(
        "a wei is kept of every credit",
        "self._credit(payee, order_id, total)",
        "self._credit(payee, order_id, total - 1)",
    ),
    Mutant(
        "one candle's price is given back for all",
        "self._credit(payee, order_id, total)",
        "self._credit(payee, order_id, total // self._quantity(word))",
    ),
    Mutant(
        "the total is by the buyer's maximum",
        "return design, price * request.quantity",
        "return design, request.maximum_price * request.quantity",
    ),
    Mutant(
        "one candle comes back of each order",
        "self._sku_word[(word >> _DESIGN_AT) & _MASK_24] += self._quantity(word)",
        "self._sku_word[(word >> _DESIGN_AT) & _MASK_24] += 1",
    ),
    Mutant(
        "only cancelled candles come back",
        "    if self._status(word) == PAID:\n",
        "    if self._status(word) == PAID and status == CANCELLED:\n",
    ),
    Mutant(
        "expired candles do not come back",
        "    if self._status(word) == PAID:\n",
        "    if self._status(word) == PAID and status != EXPIRED:\n",
    ),
    Mutant(
        "all the shop's money is withdrawn",
        "value=amount, revert_on_failure",
        "value=self.balance, revert_on_failure",
    ),
    Mutant(
        "a withdrawal returns nothing",
        "    return amount\n",
        "    return 0\n",
    ),
    Mutant(
        "the sum of credits forgets a surplus",
        "    self.owed_total += amount\n",
        "    if order_id != 0:\n        self.owed_total += amount\n",
    ),
    Mutant(
        "liabilities forget the credits",
        "return (self._books & _MASK_128) + self.owed_total",
        "return self._books & _MASK_128",
    ),
    # Edges
    Mutant(
        "a batch needs two orders",
        'assert len(requests) > 0, "empty_batch"',
        'assert len(requests) > 1, "empty_batch"',
    ),
    Mutant(
        "an empty batch is taken", 'assert len(requests) > 0, "empty_batch"', "pass"
    ),
    Mutant(
        "a batch of sixteen is too large",
        "assert len(requests) <= MAX_BATCH",
        "assert len(requests) < MAX_BATCH",
    ),
    Mutant(
        "a batch may have seventeen",
        "assert len(requests) <= MAX_BATCH",
        "assert len(requests) <= MAX_BATCH + 1",
    ),
    Mutant(
        "a batch returns its last id",
        "    self._books = books\n    return first\n",
        "    self._books = books\n    return self._order_count(books)\n",
    ),
    Mutant(
        "a batch is kept off the books",
        '    assert msg.value == due, "wrong_payment"\n    self._books = books\n',
        '    assert msg.value == due, "wrong_payment"\n',
    ),
    Mutant(
        "no reference is needed",
        'assert request.reference != empty(bytes32), "missing_reference"',
        "pass",
    ),
    Mutant(
        "a thousand candles are too many",
        "request.quantity <= MAX_QUANTITY",
        "request.quantity < MAX_QUANTITY",
    ),
    Mutant(
        "the dearest price is too dear",
        "assert change.price <= MAX_PRICE",
        "assert change.price < MAX_PRICE",
    ),
    Mutant(
        "a price beyond the bound",
        "assert change.price <= MAX_PRICE",
        "assert change.price <= MAX_PRICE + 1",
    ),
    Mutant(
        "the fullest shelf is too full",
        "assert adjusted <= MAX_STOCK",
        "assert adjusted < MAX_STOCK",
    ),
    Mutant(
        "a shelf beyond the bound",
        'assert adjusted <= MAX_STOCK, "stock_too_large"',
        "pass",
    ),
    Mutant(
        "a name of 32 bytes is too long",
        "len(name) <= MAX_NAME_BYTES",
        "len(name) < MAX_NAME_BYTES",
    ),
    Mutant("an empty name is taken", "len(name) > 0 and ", ""),
    Mutant(
        "an order's envelope of 512 bytes is too long",
        "assert len(request.delivery) <= MAX",
        "assert len(request.delivery) < MAX",
    ),
    Mutant("a redirect may be too long", LONG, "pass"),
    Mutant("a profile may be too long", LONG, "pass", 1),
    Mutant(
        "a redirect to nowhere",
        'assert len(delivery) > 0, "missing_delivery"',
        "pass",
    ),
    Mutant(
        "an empty profile",
        'assert len(delivery) > 0, "missing_delivery"',
        "pass",
        1,
    ),
    Mutant(
        "no redirect while moulding",
        'assert self._status(word) in [PAID, MOULDING], "wrong_status"\n    assert len',
        'assert self._status(word) == PAID, "wrong_status"\n    assert len',
    ),
    Mutant(
        "refunding what was delivered",
        'in [PAID, MOULDING, SHIPPED], "wrong_status"\n    self._give_back',
        'in [PAID, MOULDING, SHIPPED, DELIVERED], "wrong_status"\n    self._give_back',
    ),
    Mutant(
        "what expired expires again",
        "assert self._status(word) in [PAID, MOULDING, SHIPPED],",
        "assert self._status(word) in [PAID, MOULDING, SHIPPED, EXPIRED],",
    ),
    Mutant(
        "a missing option is only not for sale",
        "        self._known(request.shape, request.size, request.scent)\n",
        "",
    ),
    Mutant(
        "prices raise the version one by one",
        "        stock: uint256 = self._sku_word[design] & _MASK_64\n",
        "        stock: uint256 = self._sku_word[design] & _MASK_64\n"
        "        version = self._next_version()\n",
    ),
    # The pause
    Mutant(
        "the pause stops deliveries",
        "    is_buyer: bool = msg.sender",
        PAUSE + "    is_buyer: bool = msg.sender",
    ),
    Mutant(
        "the pause stops expiry",
        "    is_party: bool = msg.sender",
        PAUSE + "    is_party: bool = msg.sender",
    ),
    Mutant(
        "the pause stops cancelling",
        '    assert msg.sender == self._buyer(word), "not_your_order"\n'
        "    assert self._status(word) == PAID",
        PAUSE + '    assert msg.sender == self._buyer(word), "not_your_order"\n'
        "    assert self._status(word) == PAID",
    ),
    Mutant(
        "the pause stops changes of address",
        '    assert msg.sender == self._buyer(word), "not_your_order"\n'
        "    assert self._status(word) in [PAID, MOULDING]",
        PAUSE + '    assert msg.sender == self._buyer(word), "not_your_order"\n'
        "    assert self._status(word) in [PAID, MOULDING]",
    ),
    Mutant(
        "the pause stops profiles",
        "    digest: bytes32 = keccak256(delivery)\n    self.profile",
        PAUSE + "    digest: bytes32 = keccak256(delivery)\n    self.profile",
    ),
    Mutant(
        "the pause stops the owner's own work",
        "def _check_owner():\n",
        "def _check_owner():\n" + PAUSE,
    ),
    Mutant(
        "the pause is for ever",
        "(convert(paused, uint256) << _PAUSED_AT)",
        "(1 << _PAUSED_AT)",
    ),
    Mutant(
        "the owner buys in a paused shop",
        'assert not self._is_paused(books), "paused"',
        'assert msg.sender == self.owner or not self._is_paused(books), "paused"',
    ),
    # Ownership
    Mutant(
        "the owner accepts for the heir",
        "assert msg.sender == self.pending_owner,",
        "assert msg.sender in [self.pending_owner, self.owner],",
    ),
    Mutant(
        "the heir keeps shop before accepting",
        '    assert msg.sender == self.owner, "not_authorized"\n\n\n@internal\n@view\n'
        "def _existing",
        "    assert msg.sender in [self.owner, self.pending_owner], "
        '"not_authorized"\n\n\n@internal\n@view\ndef _existing',
    ),
    Mutant(
        "accepting changes nothing",
        "    self.pending_owner = empty(address)\n    self.owner = msg.sender\n",
        "    self.pending_owner = empty(address)\n",
    ),
    Mutant(
        "an offer of the surplus goes to the heir",
        "self._credit(self.owner, 0, surplus)",
        "self._credit(self.pending_owner, 0, surplus)",
    ),
    # Re-entrancy
    Mutant("withdrawing can be re-entered", WITHDRAW, "@reentrant\n" + WITHDRAW),
    Mutant(
        "placing can be re-entered",
        "@external\n@payable\ndef place(",
        "@external\n@payable\n@reentrant\ndef place(",
    ),
    Mutant(
        "batches can be re-entered",
        "@external\n@payable\ndef place_batch(",
        "@external\n@payable\n@reentrant\ndef place_batch(",
    ),
    Mutant(
        "cancelling can be re-entered",
        "@external\ndef cancel(",
        "@external\n@reentrant\ndef cancel(",
    ),
    Mutant(
        "delivering can be re-entered",
        "@external\ndef deliver(",
        "@external\n@reentrant\ndef deliver(",
    ),
    Mutant(
        "expiring can be re-entered",
        "@external\ndef expire(",
        "@external\n@reentrant\ndef expire(",
    ),
    Mutant(
        "a surplus can be claimed while paying",
        "@external\ndef claim_surplus(",
        "@external\n@reentrant\ndef claim_surplus(",
    ),
    Mutant(
        "a credit is read while paying",
        "owed: public(HashMap[address, uint256])",
        "owed: public(reentrant(HashMap[address, uint256]))",
    ),
    # Money at the wrong door
    Mutant(
        "cancelling takes money",
        "@external\ndef cancel(",
        "@external\n@payable\ndef cancel(",
    ),
    Mutant(
        "moulding takes money",
        "@external\ndef mould(",
        "@external\n@payable\ndef mould(",
    ),
    Mutant(
        "adjusting stock takes money",
        "@external\ndef adjust_stock(",
        "@external\n@payable\ndef adjust_stock(",
    ),
    Mutant(
        "anybody may pay in",
        "# Customers\n",
        "# Customers\n\n\n@external\n@payable\ndef __default__():\n    pass\n",
    ),
    # Hashes and views
    Mutant(
        "a profile's hash is not stored", "    self.profile[msg.sender] = digest\n", ""
    ),
    Mutant(
        "a profile's first hash stays",
        "    self.profile[msg.sender] = digest\n",
        "    if self.profile[msg.sender] == empty(bytes32):\n"
        "        self.profile[msg.sender] = digest\n",
    ),
    Mutant(
        "a redirect is logged and not stored",
        "    self._order_digest[order_id] = digest\n",
        "    if self._order_digest[order_id] == empty(bytes32):\n"
        "        self._order_digest[order_id] = digest\n",
    ),
    Mutant(
        "an order shows the total as its price",
        "unit_price=total // self._quantity(word)",
        "unit_price=total",
    ),
    Mutant(
        "an order shows its deadline as its day",
        "placed_at=terms & _MASK_40",
        "placed_at=self._deadline(word)",
    ),
    Mutant(
        "an order without an envelope shows no digest",
        "        digest = self.profile[buyer]\n",
        "        digest = empty(bytes32)\n",
    ),
    Mutant("a page ends early", "i > last - first", "i >= last - first"),
    Mutant(
        "a shelf is read crosswise",
        "i // scents, i % scents",
        "i % scents, i // scents",
    ),
    Mutant(
        "the catalogue shows the shop open",
        "paused=self._is_paused(self._books)",
        "paused=False",
    ),
    Mutant(
        "a price of a missing design is shown",
        "return self._sku(self._known(shape, size, scent))",
        "return self._sku(self._design(shape, size, scent))",
    ),
    Mutant(
        "the key is never changed",
        "    self.delivery_key = key\n",
        "    if len(self.delivery_key) == 0:\n        self.delivery_key = key\n",
    ),
)
