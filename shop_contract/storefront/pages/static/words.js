// Reasons and statuses in plain words. The names are the shop's own; a test checks that
// each of them is explained here.

export const REASONS = {
  already_placed: "This order has been placed already. It is under “My orders”.",
  missing_reference: "The order carries no reference. Reload the page and try again.",
  paused: "The shop takes no new orders at the moment.",
  unknown_option: "There is no such shape, size or scent. Reload the page.",
  not_for_sale: "This candle is not for sale.",
  zero_quantity: "Order at least one candle.",
  quantity_too_large: "At most 1,000 candles go into one order.",
  price_above_maximum: "The price has risen since you saw it. Nothing was ordered.",
  out_of_stock: "There are not that many of these candles left.",
  missing_delivery: "Where should it go? Give a delivery address.",
  delivery_too_long: "The delivery address is too long.",
  wrong_payment: "The price has changed since you saw it. Nothing was ordered.",
  empty_batch: "There is nothing to change.",
  batch_too_large: "That is too much at once.",
  unknown_order: "There is no such order.",
  not_your_order: "Only the buyer of this order can do that.",
  not_authorized: "Your account does not have the role that this needs.",
  wrong_status: "The order has moved on; that is no longer possible.",
  deadline_passed: "The deadline has passed; the order can only be given back now.",
  too_early: "It is too early for that: the other side still has time.",
  nothing_owed: "The shop owes you nothing at the moment.",
  payment_failed: "Your account refused the money; it stays yours in the shop.",
  invalid_account: "There is no such account.",
  price_too_large: "That price is too large.",
  stock_too_large: "That stock is too large.",
  too_many_options: "There is no room for another option of this kind.",
  invalid_name: "A name has 1 to 32 bytes.",
  // Reasons of the web, not of the shop
  not_signed_in: "Sign in first: name or password may be wrong, or the session ended.",
  csrf_token_missing: "This tab lost its session. Sign in again.",
  name_taken: "This name is taken. Choose another.",
  too_many_attempts: "Too many attempts. Wait a minute.",
  overloaded: "The shop is overloaded. Nothing was done; try again.",
  database_unavailable: "The shop's database is away. Nothing was done; try again.",
  outcome_unknown:
    "It is not known whether this was done. Trying again is safe: the same order is never placed twice.",
  no_answer:
    "No answer. It is not known whether this was done. Trying again is safe: the same order is never placed twice.",
  insufficient_funds: "The account does not hold enough money for this and its fee.",
  no_secure_context:
    "This browser seals addresses only on https or on this very computer (localhost). Open the page there.",
};

export const STATUSES = {
  placed: "Placed",
  paid: "Paid, waiting to be moulded",
  moulding: "Being moulded",
  shipped: "On its way",
  delivered: "Delivered",
  cancelled: "Cancelled by the buyer",
  refunded: "Refunded by the shop",
  expired: "Expired: a deadline was missed",
};

export const STEPS = {
  placed: "Placed",
  paid: "Paid into escrow",
  moulding: "Moulding began",
  shipped: "Handed to the courier",
  delivered: "Delivered",
  cancelled: "Cancelled, the money is the buyer's",
  refunded: "Refunded, the money is the buyer's",
  expired: "Expired, the money is the buyer's",
};

export const ACTIONS = {
  pay: "Pay",
  cancel: "Cancel the order",
  mould: "Start moulding",
  ship: "Hand to the courier",
  deliver: "Confirm delivery",
  release: "Claim the payment",
  refund: "Refund",
  expire: "Call in the missed deadline",
  redirect: "Change the address",
};

// An error as one sentence for people, and its name for those who look it up.
export function explain(error) {
  const reason = error.reason ?? guess(error);
  const words = reason && REASONS[reason];
  if (words) return { words, reason };
  const message = error.message || String(error);
  return { words: message[0].toUpperCase() + message.slice(1) + ".", reason };
}

function guess(error) {
  if (/insufficient funds/.test(error.message)) return "insufficient_funds";
  return error.constructor.name === "NoAnswer" ? "no_answer" : null;
}
