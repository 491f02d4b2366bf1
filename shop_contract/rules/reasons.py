"""Why the shop says no: one word for each reason, the same word in every world.

The contract reverts with exactly these words, the web API answers with them, and the
vectors expect them. A word, once published, is never given another meaning.
"""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """A named rejection. The value is what travels: revert string and JSON field."""

    # Placing an order
    ALREADY_PLACED = "already_placed"  # this buyer has used this reference
    MISSING_REFERENCE = "missing_reference"  # the reference is all zeros
    PAUSED = "paused"  # the shop takes no new orders
    UNKNOWN_OPTION = "unknown_option"  # no such shape, size or scent
    NOT_FOR_SALE = "not_for_sale"  # the design exists but has no price
    ZERO_QUANTITY = "zero_quantity"
    QUANTITY_TOO_LARGE = "quantity_too_large"
    PRICE_ABOVE_MAXIMUM = "price_above_maximum"  # dearer than the buyer agreed to
    OUT_OF_STOCK = "out_of_stock"
    MISSING_DELIVERY = "missing_delivery"  # neither the order nor the profile has one
    DELIVERY_TOO_LONG = "delivery_too_long"
    WRONG_PAYMENT = "wrong_payment"  # not exactly the total
    EMPTY_BATCH = "empty_batch"
    BATCH_TOO_LARGE = "batch_too_large"
    # Moving an order on
    UNKNOWN_ORDER = "unknown_order"
    NOT_YOUR_ORDER = "not_your_order"  # only its buyer may do this
    NOT_AUTHORIZED = "not_authorized"  # only holders of a role may do this
    WRONG_STATUS = "wrong_status"
    DEADLINE_PASSED = "deadline_passed"
    TOO_EARLY = "too_early"  # the other side's time has not run out yet
    # Money
    NOTHING_OWED = "nothing_owed"
    PAYMENT_FAILED = "payment_failed"  # the recipient refused the money
    INVALID_ACCOUNT = "invalid_account"
    # Keeping shop
    PRICE_TOO_LARGE = "price_too_large"
    STOCK_TOO_LARGE = "stock_too_large"
    TOO_MANY_OPTIONS = "too_many_options"
    INVALID_NAME = "invalid_name"


@dataclass(frozen=True, slots=True)
class Rejected:
    """Nothing changed, and why."""

    reason: Reason
