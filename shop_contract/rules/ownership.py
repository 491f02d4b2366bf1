"""Who owns the shop, and how it changes hands: offered, then accepted.

Two steps, so that a shop is never given to an account that nobody holds. An offer
stands until it is accepted, made to somebody else, or withdrawn (to nobody). What the
old owner is owed stays theirs; proceeds of later deliveries are the new owner's.
"""

from dataclasses import dataclass

from shop_contract.rules.reasons import Reason, Rejected


@dataclass(frozen=True, slots=True)
class Ownership:
    """The owner, and to whom the shop is offered."""

    owner: str
    offered_to: str | None = None


def offer(held: Ownership, by: str, to: str | None) -> Ownership | Rejected:
    """Offer the shop to an account; None withdraws the offer."""
    if by != held.owner:
        return Rejected(Reason.NOT_AUTHORIZED)
    return Ownership(held.owner, to)


def accept(held: Ownership, by: str) -> Ownership | Rejected:
    """Take over the shop that was offered to the account."""
    if by != held.offered_to:
        return Rejected(Reason.NOT_AUTHORIZED)
    return Ownership(by)
