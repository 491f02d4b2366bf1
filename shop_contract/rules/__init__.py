"""The rules of the shop: what may be ordered, at what price, and what happens next.

Pure functions over small frozen records: no clock (`now_s` is an argument), no store,
no network. Both worlds sell by them: the centralized shop calls them around its SQL,
and the contract is held to them by the shared vectors and a state machine in the tests.

Every function is total: it returns what was accepted, or `Rejected` with its `Reason`.
"""

from shop_contract.rules.catalogue import Catalogue, Design, Sku, default_catalogue
from shop_contract.rules.orders import (
    Action,
    Actor,
    Moved,
    Order,
    Party,
    Status,
    pay,
    redirect,
    transition,
)
from shop_contract.rules.placing import (
    OrderRequest,
    Placed,
    Quote,
    Situation,
    place,
    quote,
)
from shop_contract.rules.purchasing import Premises, purchase
from shop_contract.rules.reasons import Reason, Rejected

__all__ = [
    "Action",
    "Actor",
    "Catalogue",
    "Design",
    "Moved",
    "Order",
    "OrderRequest",
    "Party",
    "Placed",
    "Premises",
    "Quote",
    "Reason",
    "Rejected",
    "Situation",
    "Sku",
    "Status",
    "default_catalogue",
    "pay",
    "place",
    "purchase",
    "quote",
    "redirect",
    "transition",
]
