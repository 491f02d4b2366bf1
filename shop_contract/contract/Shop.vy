#pragma version 0.4.3
#pragma nonreentrancy on
#pragma evm-version prague
#pragma optimize gas
"""
@title A candle shop with escrow
@license Apache-2.0
@notice Customers design candles (shape, size, scent) and pay into escrow; the shop
        moulds and ships them; the money is the shop's once the parcel is delivered,
        and the buyer's again if the shop misses a deadline.

            (place) --> paid --mould--> moulding --ship--> shipped --deliver--> delivered
                         |                 |                 |
                         |                 |                 +--release--> delivered
                         +--cancel--> cancelled              |
                         +--refund---------+-----------------+--> refunded
                         +--expire---------+-----------------+--> expired

        Up to and at its deadline an order moves forward, only after it may it expire.
@dev Promises:
        - Escrow and credits together never exceed the balance; only `withdraw` moves
          money, and nothing (not the pause, not another account) stands before it.
        - A rejected call reverts with one word, the same word in every world of the
          shop; a revert without a word means that the calldata was malformed.
        - Checks run in a fixed sequence: order, caller, status, time, values.
        - Delivery data arrives sealed for the shop's published key. The contract keeps
          its hash and logs the envelope; it cannot tell what is inside.
     Storage is packed by hand: placing an order writes three new slots (a fourth if it
     carries its own envelope) and changes two.
"""


# How long each side has. Equal to shop_contract/rules/limits.py, checked by a test.
MOULD_WINDOW: public(constant(uint256)) = 7 * 86_400
SHIP_WINDOW: public(constant(uint256)) = 14 * 86_400
DELIVERY_WINDOW: public(constant(uint256)) = 30 * 86_400
CLAIM_WINDOW: public(constant(uint256)) = 30 * 86_400

MAX_OPTIONS: public(constant(uint256)) = 16
MAX_NAME_BYTES: public(constant(uint256)) = 32
MAX_PRICE: public(constant(uint256)) = 2**96 - 1
MAX_QUANTITY: public(constant(uint256)) = 1_000
MAX_STOCK: public(constant(uint256)) = 2**32 - 1
MAX_DELIVERY_BYTES: public(constant(uint256)) = 512
MAX_BATCH: public(constant(uint256)) = 16
MAX_CHANGES: public(constant(uint256)) = 64

# Wider than what is accepted, so that a value just too long is rejected with its reason.
_NAME_CALLDATA: constant(uint256) = 2 * MAX_NAME_BYTES
_DELIVERY_CALLDATA: constant(uint256) = 2 * MAX_DELIVERY_BYTES
_BATCH_CALLDATA: constant(uint256) = 2 * MAX_BATCH
_CHANGES_CALLDATA: constant(uint256) = 2 * MAX_CHANGES
_KEY_BYTES: constant(uint256) = 256
_SHELF_SIZE: constant(uint256) = MAX_OPTIONS * MAX_OPTIONS
_PAGE_SIZE: constant(uint256) = 64

SHAPE: public(constant(uint256)) = 0
SIZE: public(constant(uint256)) = 1
SCENT: public(constant(uint256)) = 2

# 1 is "placed": the status of an unpaid order, which the chain never stores.
PAID: public(constant(uint256)) = 2
MOULDING: public(constant(uint256)) = 3
SHIPPED: public(constant(uint256)) = 4
DELIVERED: public(constant(uint256)) = 5
CANCELLED: public(constant(uint256)) = 6
REFUNDED: public(constant(uint256)) = 7
EXPIRED: public(constant(uint256)) = 8

# _order_word: buyer 160 | status 8 | design 24 | quantity 24 | deadline 40, from bit 0.
_STATUS_AT: constant(uint256) = 160
_DESIGN_AT: constant(uint256) = 168
_QUANTITY_AT: constant(uint256) = 192
_DEADLINE_AT: constant(uint256) = 216
# _terms_word: placed at 40 | catalogue version 32 | (unused) 56 | total 128.
_TERMS_VERSION_AT: constant(uint256) = 40
_TOTAL_AT: constant(uint256) = 128
# _books: escrowed 128 | orders so far 64 | catalogue version 32 | paused 1.
_COUNT_AT: constant(uint256) = 128
_VERSION_AT: constant(uint256) = 192
_PAUSED_AT: constant(uint256) = 224
# _sku_word: stock 64 | price 96.
_PRICE_AT: constant(uint256) = 64

_MASK_8: constant(uint256) = 2**8 - 1
_MASK_24: constant(uint256) = 2**24 - 1
_MASK_32: constant(uint256) = 2**32 - 1
_MASK_40: constant(uint256) = 2**40 - 1
_MASK_64: constant(uint256) = 2**64 - 1
_MASK_128: constant(uint256) = 2**128 - 1
_MASK_160: constant(uint256) = 2**160 - 1


struct OrderRequest:
    shape: uint256
    size: uint256
    scent: uint256
    quantity: uint256
    maximum_price: uint256
    reference: bytes32
    delivery: Bytes[_DELIVERY_CALLDATA]


struct PriceChange:
    shape: uint256
    size: uint256
    scent: uint256
    price: uint256


struct StockChange:
    shape: uint256
    size: uint256
    scent: uint256
    change: int256


struct Order:
    buyer: address
    shape: uint256
    size: uint256
    scent: uint256
    quantity: uint256
    unit_price: uint256
    total: uint256
    catalogue_version: uint256
    placed_at: uint256
    status: uint256
    deadline: uint256
    delivery_digest: bytes32


struct Sku:
    price: uint256
    stock: uint256


struct Catalogue:
    version: uint256
    paused: bool
    shapes: DynArray[String[MAX_NAME_BYTES], MAX_OPTIONS]
    sizes: DynArray[String[MAX_NAME_BYTES], MAX_OPTIONS]
    scents: DynArray[String[MAX_NAME_BYTES], MAX_OPTIONS]


# An order is placed and paid in one transaction: this event stands for both.
event OrderPlaced:
    order_id: indexed(uint256)
    buyer: indexed(address)
    reference: indexed(bytes32)
    shape: uint256
    size: uint256
    scent: uint256
    quantity: uint256
    total: uint256
    catalogue_version: uint256
    deadline: uint256


# Every later transition. The deadline is 0 once the status is final.
event OrderMoved:
    order_id: indexed(uint256)
    status: indexed(uint256)
    actor: indexed(address)
    deadline: uint256


# The address of one order, in place of the profile's.
event OrderDelivery:
    order_id: indexed(uint256)
    buyer: indexed(address)
    digest: bytes32
    envelope: Bytes[_DELIVERY_CALLDATA]


event ProfileChanged:
    account: indexed(address)
    digest: bytes32
    envelope: Bytes[_DELIVERY_CALLDATA]


# `order_id` is 0 where the money is a surplus that came without an order.
event Credited:
    account: indexed(address)
    order_id: indexed(uint256)
    amount: uint256


event Withdrawn:
    account: indexed(address)
    recipient: indexed(address)
    amount: uint256


event OptionAdded:
    kind: indexed(uint256)
    option: indexed(uint256)
    name: String[_NAME_CALLDATA]
    catalogue_version: uint256


event PriceChanged:
    shape: indexed(uint256)
    size: indexed(uint256)
    scent: indexed(uint256)
    price: uint256
    catalogue_version: uint256


event StockChanged:
    shape: indexed(uint256)
    size: indexed(uint256)
    scent: indexed(uint256)
    stock: uint256


event PausedSet:
    paused: bool


event MoulderSet:
    account: indexed(address)
    enabled: bool


event CourierSet:
    account: indexed(address)
    enabled: bool


event DeliveryKeySet:
    key: Bytes[_KEY_BYTES]


event OwnershipTransferStarted:
    previous_owner: indexed(address)
    new_owner: indexed(address)


event OwnershipTransferred:
    previous_owner: indexed(address)
    new_owner: indexed(address)


owner: public(address)
pending_owner: public(address)
is_moulder: public(HashMap[address, bool])
is_courier: public(HashMap[address, bool])

# The public key that envelopes are sealed for (uncompressed P-256 point).
delivery_key: public(Bytes[_KEY_BYTES])
# keccak256 of the envelope in a customer's profile; zero: none.
profile: public(HashMap[address, bytes32])

# The order a buyer placed under a reference of their choice; 0: none.
order_of: public(HashMap[address, HashMap[bytes32, uint256]])

# What an account may withdraw, and the sum over all accounts.
owed: public(HashMap[address, uint256])
owed_total: public(uint256)

_books: uint256
_shapes: DynArray[String[MAX_NAME_BYTES], MAX_OPTIONS]
_sizes: DynArray[String[MAX_NAME_BYTES], MAX_OPTIONS]
_scents: DynArray[String[MAX_NAME_BYTES], MAX_OPTIONS]
_sku_word: HashMap[uint256, uint256]
_order_word: HashMap[uint256, uint256]
_terms_word: HashMap[uint256, uint256]
_order_digest: HashMap[uint256, bytes32]


@deploy
def __init__():
    """
    @dev The deployer owns the shop and appoints moulders and couriers.
    """
    self.owner = msg.sender
    log OwnershipTransferred(previous_owner=empty(address), new_owner=msg.sender)


# Customers


@external
@payable
def place(
    shape: uint256,
    size: uint256,
    scent: uint256,
    quantity: uint256,
    maximum_price: uint256,
    reference: bytes32,
    delivery: Bytes[_DELIVERY_CALLDATA],
) -> uint256:
    """
    @notice Place one order and pay it, exactly `price * quantity`, into escrow.
    @param maximum_price The most the buyer agrees to pay per candle.
    @param reference The buyer's own name for this order, not zero. A retry under the
           same reference reverts with `already_placed`: then see `order_of`.
    @param delivery The sealed envelope with this order's address; empty: the profile's.
    @return The order's id, from 1.
    """
    books: uint256 = self._books
    total: uint256 = 0
    books, total = self._place(
        books,
        OrderRequest(
            shape=shape,
            size=size,
            scent=scent,
            quantity=quantity,
            maximum_price=maximum_price,
            reference=reference,
            delivery=delivery,
        ),
    )
    assert msg.value == total, "wrong_payment"
    self._books = books
    return self._order_count(books)


@external
@payable
def place_batch(requests: DynArray[OrderRequest, _BATCH_CALLDATA]) -> uint256:
    """
    @notice Place several orders, all or none, and pay exactly the sum of their totals.
    @return The id of the first; the others follow it one by one.
    """
    assert len(requests) > 0, "empty_batch"
    assert len(requests) <= MAX_BATCH, "batch_too_large"
    books: uint256 = self._books
    first: uint256 = self._order_count(books) + 1
    due: uint256 = 0
    for request: OrderRequest in requests:
        total: uint256 = 0
        books, total = self._place(books, request)
        due += total
    assert msg.value == due, "wrong_payment"
    self._books = books
    return first


@external
def cancel(order_id: uint256):
    """
    @notice Take an order back before moulding starts: the buyer is credited in full.
    """
    word: uint256 = self._existing(order_id)
    assert msg.sender == self._buyer(word), "not_your_order"
    assert self._status(word) == PAID, "wrong_status"
    self._give_back(order_id, word, CANCELLED)


@external
def deliver(order_id: uint256):
    """
    @notice Confirm that the parcel has arrived: the owner is credited. The courier may
            say so up to the deadline, the buyer at any time.
    """
    word: uint256 = self._existing(order_id)
    is_buyer: bool = msg.sender == self._buyer(word)
    assert is_buyer or self.is_courier[msg.sender], "not_authorized"
    assert self._status(word) == SHIPPED, "wrong_status"
    assert is_buyer or block.timestamp <= self._deadline(word), "deadline_passed"
    self._settle(order_id, word, DELIVERED, self.owner)


@external
def expire(order_id: uint256):
    """
    @notice Call in a missed deadline: the buyer is credited in full. For the buyer, and
            for the owner, who may want the candles back on the shelf.
    """
    word: uint256 = self._existing(order_id)
    is_party: bool = msg.sender == self._buyer(word) or msg.sender == self.owner
    assert is_party, "not_authorized"
    assert self._status(word) in [PAID, MOULDING, SHIPPED], "wrong_status"
    assert block.timestamp > self._deadline(word), "too_early"
    self._give_back(order_id, word, EXPIRED)


@external
def redirect(order_id: uint256, delivery: Bytes[_DELIVERY_CALLDATA]):
    """
    @notice Send one order to another address, until the courier has it.
    """
    word: uint256 = self._existing(order_id)
    assert msg.sender == self._buyer(word), "not_your_order"
    assert self._status(word) in [PAID, MOULDING], "wrong_status"
    assert len(delivery) > 0, "missing_delivery"
    assert len(delivery) <= MAX_DELIVERY_BYTES, "delivery_too_long"
    self._seal(order_id, delivery)


@external
def set_profile(delivery: Bytes[_DELIVERY_CALLDATA]):
    """
    @notice Set or change the caller's delivery address, for every order that carries
            none of its own and is not yet shipped.
    """
    assert len(delivery) > 0, "missing_delivery"
    assert len(delivery) <= MAX_DELIVERY_BYTES, "delivery_too_long"
    digest: bytes32 = keccak256(delivery)
    self.profile[msg.sender] = digest
    log ProfileChanged(account=msg.sender, digest=digest, envelope=delivery)


@external
def withdraw(recipient: address = msg.sender) -> uint256:
    """
    @notice Pay out all that the caller is owed.
    @param recipient Where to; a contract that cannot receive names another account.
    @return The amount.
    """
    amount: uint256 = self.owed[msg.sender]
    assert amount > 0, "nothing_owed"
    assert recipient != empty(address), "invalid_account"
    self.owed[msg.sender] = 0
    self.owed_total -= amount
    log Withdrawn(account=msg.sender, recipient=recipient, amount=amount)
    # Nothing the recipient returns is copied: it cannot make its payer run out of gas.
    success: bool = raw_call(recipient, b"", value=amount, revert_on_failure=False)
    assert success, "payment_failed"
    return amount


# Moulder and courier


@external
def mould(order_id: uint256):
    """
    @notice Start moulding: from here on the buyer can no longer cancel.
    """
    word: uint256 = self._existing(order_id)
    assert self.is_moulder[msg.sender], "not_authorized"
    assert self._status(word) == PAID, "wrong_status"
    assert block.timestamp <= self._deadline(word), "deadline_passed"
    self._move(order_id, word, MOULDING, block.timestamp + SHIP_WINDOW)


@external
def ship(order_id: uint256):
    """
    @notice The courier has the parcel.
    """
    word: uint256 = self._existing(order_id)
    assert self.is_courier[msg.sender], "not_authorized"
    assert self._status(word) == MOULDING, "wrong_status"
    assert block.timestamp <= self._deadline(word), "deadline_passed"
    self._move(order_id, word, SHIPPED, block.timestamp + DELIVERY_WINDOW)


# Owner


@external
def refund(order_id: uint256):
    """
    @notice Give an order's money back, at any time before it is delivered.
    """
    word: uint256 = self._existing(order_id)
    assert msg.sender == self.owner, "not_authorized"
    assert self._status(word) in [PAID, MOULDING, SHIPPED], "wrong_status"
    self._give_back(order_id, word, REFUNDED)


@external
def release(order_id: uint256):
    """
    @notice Take the money of a shipped order that its buyer has neither confirmed nor
            called in for so long that both windows have passed.
    """
    word: uint256 = self._existing(order_id)
    assert msg.sender == self.owner, "not_authorized"
    assert self._status(word) == SHIPPED, "wrong_status"
    assert block.timestamp > self._deadline(word) + CLAIM_WINDOW, "too_early"
    self._settle(order_id, word, DELIVERED, self.owner)


@external
def add_option(kind: uint256, name: String[_NAME_CALLDATA]) -> uint256:
    """
    @notice Add a shape (0), a size (1) or a scent (2). Options are never removed: a
            design leaves the shop when its price is set to 0.
    @return The option's number.
    """
    self._check_owner()
    assert kind <= SCENT, "unknown_option"
    assert len(name) > 0 and len(name) <= MAX_NAME_BYTES, "invalid_name"
    option: uint256 = self._option_count(kind)
    assert option < MAX_OPTIONS, "too_many_options"
    stored: String[MAX_NAME_BYTES] = convert(name, String[MAX_NAME_BYTES])
    if kind == SHAPE:
        self._shapes.append(stored)
    elif kind == SIZE:
        self._sizes.append(stored)
    else:
        self._scents.append(stored)
    log OptionAdded(
        kind=kind, option=option, name=name, catalogue_version=self._next_version()
    )
    return option


@external
def set_prices(changes: DynArray[PriceChange, _CHANGES_CALLDATA]):
    """
    @notice Set several prices, all or none; the catalogue's version rises once.
            Price 0 ends the sale of a design.
    """
    self._check_owner()
    assert len(changes) > 0, "empty_batch"
    assert len(changes) <= MAX_CHANGES, "batch_too_large"
    version: uint256 = self._next_version()
    for change: PriceChange in changes:
        design: uint256 = self._known(change.shape, change.size, change.scent)
        assert change.price <= MAX_PRICE, "price_too_large"
        stock: uint256 = self._sku_word[design] & _MASK_64
        self._sku_word[design] = (change.price << _PRICE_AT) | stock
        log PriceChanged(
            shape=change.shape,
            size=change.size,
            scent=change.scent,
            price=change.price,
            catalogue_version=version,
        )


@external
def adjust_stock(changes: DynArray[StockChange, _CHANGES_CALLDATA]):
    """
    @notice Add to several stocks, or take from them, all or none. Changes are
            differences, so that an order placed meanwhile is not overwritten.
    """
    self._check_owner()
    assert len(changes) > 0, "empty_batch"
    assert len(changes) <= MAX_CHANGES, "batch_too_large"
    for change: StockChange in changes:
        design: uint256 = self._known(change.shape, change.size, change.scent)
        # Bounded first, so that the sum cannot overflow.
        assert change.change <= convert(MAX_STOCK, int256), "stock_too_large"
        word: uint256 = self._sku_word[design]
        stock: int256 = convert(word & _MASK_64, int256) + change.change
        assert stock >= 0, "out_of_stock"
        adjusted: uint256 = convert(stock, uint256)
        assert adjusted <= MAX_STOCK, "stock_too_large"
        self._sku_word[design] = ((word >> _PRICE_AT) << _PRICE_AT) | adjusted
        log StockChanged(
            shape=change.shape, size=change.size, scent=change.scent, stock=adjusted
        )


@external
def set_paused(paused: bool):
    """
    @notice Stop or resume taking new orders. Nothing else is ever paused.
    """
    self._check_owner()
    others: uint256 = self._books & ~(1 << _PAUSED_AT)
    self._books = others | (convert(paused, uint256) << _PAUSED_AT)
    log PausedSet(paused=paused)


@external
def set_moulder(account: address, enabled: bool):
    """
    @notice Appoint a moulder, or dismiss one.
    """
    self._check_owner()
    self.is_moulder[account] = enabled
    log MoulderSet(account=account, enabled=enabled)


@external
def set_courier(account: address, enabled: bool):
    """
    @notice Appoint a courier, or dismiss one.
    """
    self._check_owner()
    self.is_courier[account] = enabled
    log CourierSet(account=account, enabled=enabled)


@external
def set_delivery_key(key: Bytes[_KEY_BYTES]):
    """
    @notice Publish the public key that customers seal their addresses for.
    """
    self._check_owner()
    self.delivery_key = key
    log DeliveryKeySet(key=key)


@external
def claim_surplus() -> uint256:
    """
    @notice Credit the owner with money that was forced upon the contract, beyond all
            liabilities, so that it does not strand.
    """
    self._check_owner()
    surplus: uint256 = self.balance - self._liabilities()
    assert surplus > 0, "nothing_owed"
    self._credit(self.owner, 0, surplus)
    return surplus


@external
def transfer_ownership(new_owner: address):
    """
    @notice Offer the shop to another account, which must accept. The zero address
            withdraws the offer. What the old owner is owed stays theirs.
    """
    self._check_owner()
    self.pending_owner = new_owner
    log OwnershipTransferStarted(previous_owner=msg.sender, new_owner=new_owner)


@external
def accept_ownership():
    """
    @notice Take over a shop that was offered to the caller.
    """
    assert msg.sender == self.pending_owner, "not_authorized"
    previous: address = self.owner
    self.pending_owner = empty(address)
    self.owner = msg.sender
    log OwnershipTransferred(previous_owner=previous, new_owner=msg.sender)


# Views


@external
@view
def order(order_id: uint256) -> Order:
    """
    @notice One order; its status is 0 if it does not exist.
    """
    return self._order(order_id)


@external
@view
def orders(first: uint256, count: uint256) -> DynArray[Order, _PAGE_SIZE]:
    """
    @notice Up to 64 orders by rising id, from `first` (at least 1) on.
    """
    page: DynArray[Order, _PAGE_SIZE] = []
    last: uint256 = self._order_count(self._books)
    for i: uint256 in range(min(count, _PAGE_SIZE), bound=_PAGE_SIZE):
        if first > last or i > last - first:
            break
        page.append(self._order(first + i))
    return page


@external
@view
def sku(shape: uint256, size: uint256, scent: uint256) -> Sku:
    """
    @notice Price and stock of one design; a price of 0 means that it is not for sale.
    """
    return self._sku(self._known(shape, size, scent))


@external
@view
def shelf(shape: uint256) -> DynArray[Sku, _SHELF_SIZE]:
    """
    @notice Price and stock of every design of one shape: for each size, each scent.
    """
    skus: DynArray[Sku, _SHELF_SIZE] = []
    scents: uint256 = len(self._scents)
    for i: uint256 in range(len(self._sizes) * scents, bound=_SHELF_SIZE):
        skus.append(self._sku(self._known(shape, i // scents, i % scents)))
    return skus


@external
@view
def catalogue() -> Catalogue:
    """
    @notice The names of all options, the catalogue's version, and whether the shop is
            open. An option's number is its position.
    """
    return Catalogue(
        version=self._version(self._books),
        paused=self._is_paused(self._books),
        shapes=self._shapes,
        sizes=self._sizes,
        scents=self._scents,
    )


@external
@view
def catalogue_version() -> uint256:
    """
    @notice Rises with every change of options or prices, not of stock.
    """
    return self._version(self._books)


@external
@view
def paused() -> bool:
    """
    @notice Whether new orders are refused.
    """
    return self._is_paused(self._books)


@external
@view
def order_count() -> uint256:
    """
    @notice How many orders there are; ids run from 1 to this.
    """
    return self._order_count(self._books)


@external
@view
def escrowed() -> uint256:
    """
    @notice The sum of the totals of all orders that are not final.
    """
    return self._books & _MASK_128


@external
@view
def liabilities() -> uint256:
    """
    @notice Escrow and credits: never more than the contract's balance.
    """
    return self._liabilities()


# What the entry points share


@internal
def _place(books: uint256, request: OrderRequest) -> (uint256, uint256):
    """
    @dev Everything about a new order but its payment. Takes and returns the books, so
         that a batch reads and writes them once.
    @return The changed books, whose count is the new order's id, and the total due.
    """
    assert request.reference != empty(bytes32), "missing_reference"
    taken: uint256 = self.order_of[msg.sender][request.reference]
    assert taken == 0, "already_placed"
    assert not self._is_paused(books), "paused"
    design: uint256 = 0
    total: uint256 = 0
    design, total = self._take(request)
    has_envelope: bool = len(request.delivery) > 0
    assert len(request.delivery) <= MAX_DELIVERY_BYTES, "delivery_too_long"
    if not has_envelope:
        assert self.profile[msg.sender] != empty(bytes32), "missing_delivery"

    order_id: uint256 = self._order_count(books) + 1
    deadline: uint256 = block.timestamp + MOULD_WINDOW
    self.order_of[msg.sender][request.reference] = order_id
    self._order_word[order_id] = (
        convert(msg.sender, uint256)
        | (PAID << _STATUS_AT)
        | (design << _DESIGN_AT)
        | (request.quantity << _QUANTITY_AT)
        | (deadline << _DEADLINE_AT)
    )
    self._terms_word[order_id] = (
        block.timestamp
        | (self._version(books) << _TERMS_VERSION_AT)
        | (total << _TOTAL_AT)
    )
    log OrderPlaced(
        order_id=order_id,
        buyer=msg.sender,
        reference=request.reference,
        shape=request.shape,
        size=request.size,
        scent=request.scent,
        quantity=request.quantity,
        total=total,
        catalogue_version=self._version(books),
        deadline=deadline,
    )
    if has_envelope:
        self._seal(order_id, request.delivery)
    # The payment is checked to equal the totals, and no supply of money reaches 2**128.
    return books + (1 << _COUNT_AT) + total, total


@internal
def _take(request: OrderRequest) -> (uint256, uint256):
    """
    @dev Take the candles off the shelf.
    @return The design as one number, and the total.
    """
    bounded: bool = (
        request.shape < MAX_OPTIONS
        and request.size < MAX_OPTIONS
        and request.scent < MAX_OPTIONS
    )
    assert bounded, "unknown_option"
    design: uint256 = self._design(request.shape, request.size, request.scent)
    word: uint256 = self._sku_word[design]
    price: uint256 = word >> _PRICE_AT
    if price == 0:
        # Only existing options can have a price, so only now is the difference read.
        self._known(request.shape, request.size, request.scent)
        raise "not_for_sale"
    assert request.quantity > 0, "zero_quantity"
    assert request.quantity <= MAX_QUANTITY, "quantity_too_large"
    assert price <= request.maximum_price, "price_above_maximum"
    assert request.quantity <= word & _MASK_64, "out_of_stock"
    self._sku_word[design] = word - request.quantity
    return design, price * request.quantity


@internal
def _seal(order_id: uint256, delivery: Bytes[_DELIVERY_CALLDATA]):
    """
    @dev Keep the hash of the caller's envelope for this order, and log the envelope.
    """
    digest: bytes32 = keccak256(delivery)
    self._order_digest[order_id] = digest
    log OrderDelivery(
        order_id=order_id, buyer=msg.sender, digest=digest, envelope=delivery
    )


@internal
def _move(order_id: uint256, word: uint256, status: uint256, deadline: uint256):
    """
    @dev Write an order's new status and deadline, and nothing else of it.
    """
    kept: uint256 = word & (_MASK_160 | (_MASK_24 << _DESIGN_AT) | (_MASK_24 << _QUANTITY_AT))
    self._order_word[order_id] = (
        kept | (status << _STATUS_AT) | (deadline << _DEADLINE_AT)
    )
    log OrderMoved(
        order_id=order_id, status=status, actor=msg.sender, deadline=deadline
    )


@internal
def _give_back(order_id: uint256, word: uint256, status: uint256):
    """
    @dev End an order in its buyer's favour. Candles that were not yet moulded go back
         on the shelf.
    """
    if self._status(word) == PAID:
        # Stock has 64 bits and is set below 2**32: it cannot run into the price.
        self._sku_word[(word >> _DESIGN_AT) & _MASK_24] += self._quantity(word)
    self._settle(order_id, word, status, self._buyer(word))


@internal
def _settle(order_id: uint256, word: uint256, status: uint256, payee: address):
    """
    @dev End an order: its total leaves the escrow and is owed to the payee.
    """
    total: uint256 = self._terms_word[order_id] >> _TOTAL_AT
    self._books -= total
    self._credit(payee, order_id, total)
    self._move(order_id, word, status, 0)


@internal
def _credit(account: address, order_id: uint256, amount: uint256):
    self.owed[account] += amount
    self.owed_total += amount
    log Credited(account=account, order_id=order_id, amount=amount)


@internal
def _next_version() -> uint256:
    books: uint256 = self._books + (1 << _VERSION_AT)
    self._books = books
    return self._version(books)


@internal
@view
def _check_owner():
    assert msg.sender == self.owner, "not_authorized"


@internal
@view
def _existing(order_id: uint256) -> uint256:
    word: uint256 = self._order_word[order_id]
    assert word != 0, "unknown_order"
    return word


@internal
@view
def _known(shape: uint256, size: uint256, scent: uint256) -> uint256:
    """
    @dev The design as one number, if all three options exist.
    """
    exists: bool = (
        shape < len(self._shapes)
        and size < len(self._sizes)
        and scent < len(self._scents)
    )
    assert exists, "unknown_option"
    return self._design(shape, size, scent)


@internal
@view
def _option_count(kind: uint256) -> uint256:
    if kind == SHAPE:
        return len(self._shapes)
    if kind == SIZE:
        return len(self._sizes)
    return len(self._scents)


@internal
@view
def _sku(design: uint256) -> Sku:
    word: uint256 = self._sku_word[design]
    return Sku(price=word >> _PRICE_AT, stock=word & _MASK_64)


@internal
@view
def _order(order_id: uint256) -> Order:
    word: uint256 = self._order_word[order_id]
    if word == 0:
        return empty(Order)
    terms: uint256 = self._terms_word[order_id]
    buyer: address = self._buyer(word)
    digest: bytes32 = self._order_digest[order_id]
    if digest == empty(bytes32):
        digest = self.profile[buyer]
    total: uint256 = terms >> _TOTAL_AT
    design: uint256 = word >> _DESIGN_AT
    return Order(
        buyer=buyer,
        shape=(design >> 16) & _MASK_8,
        size=(design >> 8) & _MASK_8,
        scent=design & _MASK_8,
        quantity=self._quantity(word),
        unit_price=total // self._quantity(word),
        total=total,
        catalogue_version=(terms >> _TERMS_VERSION_AT) & _MASK_32,
        placed_at=terms & _MASK_40,
        status=self._status(word),
        deadline=self._deadline(word),
        delivery_digest=digest,
    )


@internal
@view
def _liabilities() -> uint256:
    return (self._books & _MASK_128) + self.owed_total


# How the packed words are read


@internal
@pure
def _design(shape: uint256, size: uint256, scent: uint256) -> uint256:
    return (shape << 16) | (size << 8) | scent


@internal
@pure
def _buyer(word: uint256) -> address:
    return convert(word & _MASK_160, address)


@internal
@pure
def _status(word: uint256) -> uint256:
    return (word >> _STATUS_AT) & _MASK_8


@internal
@pure
def _quantity(word: uint256) -> uint256:
    return (word >> _QUANTITY_AT) & _MASK_24


@internal
@pure
def _deadline(word: uint256) -> uint256:
    return word >> _DEADLINE_AT


@internal
@pure
def _order_count(books: uint256) -> uint256:
    return (books >> _COUNT_AT) & _MASK_64


@internal
@pure
def _version(books: uint256) -> uint256:
    return (books >> _VERSION_AT) & _MASK_32


@internal
@pure
def _is_paused(books: uint256) -> bool:
    return (books >> _PAUSED_AT) & 1 == 1
