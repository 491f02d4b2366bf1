"""What a shop of any world must offer to be asked the vectors' questions.

Operations return `Rejected` with the shop's reason, or what was accepted. Anything else
(a crash, a timeout, an answer without a reason) is an exception: a vector cannot pass
on it. Accounts are the vectors' names: "owner", "moulder", "courier", "alice", ...; the
adapter maps them to keys or sessions, and to the roles of the same names.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from shop_contract.rules.catalogue import Design, OptionKind, Sku
from shop_contract.rules.orders import Action, Party, Status
from shop_contract.rules.placing import OrderRequest
from shop_contract.rules.reasons import Rejected

Handle = int | str  # an order's id, in the words of its world


class Ability(StrEnum):
    """What not every shop can do. A vector that needs more is not run, and said so."""

    BATCH = "batch"  # several orders, all or none
    TWO_STEPS = "two_steps"  # placing and paying apart
    FROZEN_TIME = "frozen_time"  # the clock moves only by `wait`
    LEDGER = "ledger"  # credits and withdrawals
    OWNERSHIP = "ownership"  # the shop can change hands
    DEEP_POCKETS = "deep_pockets"  # customers can pay 2^98 of the smallest unit


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order as its shop shows it. `deadline_s` is 0 once it is final."""

    status: Status
    buyer: str
    design: Design
    quantity: int
    total: int
    catalogue_version: int
    deadline_s: int


class Buying(Protocol):
    """What customers do."""

    def place(
        self, buyer: str, request: OrderRequest, payment: int
    ) -> Handle | Rejected:
        """Place and pay at once; a rejection leaves nothing behind."""

    def place_batch(
        self, buyer: str, requests: Sequence[OrderRequest], payment: int
    ) -> list[Handle] | Rejected: ...

    def place_unpaid(self, buyer: str, request: OrderRequest) -> Handle | Rejected: ...

    def pay(self, buyer: str, order: Handle, amount: int) -> Rejected | None: ...

    def redirect(
        self, account: str, order: Handle, delivery: bytes
    ) -> Rejected | None: ...

    def set_profile(self, account: str, delivery: bytes) -> Rejected | None: ...

    def withdraw(self, account: str) -> int | Rejected:
        """The amount paid out."""

    def act(self, account: str, action: Action, order: Handle) -> Rejected | None:
        """Any action that needs no more than an order, by any party."""


class Keeping(Protocol):
    """What the owner does."""

    def add_option(
        self, account: str, kind: OptionKind, name: str
    ) -> Rejected | None: ...

    def set_prices(
        self, account: str, prices: Sequence[tuple[Design, int]]
    ) -> Rejected | None: ...

    def adjust_stock(
        self, account: str, changes: Sequence[tuple[Design, int]]
    ) -> Rejected | None: ...

    def set_paused(self, account: str, paused: bool) -> Rejected | None: ...

    def set_role(
        self, account: str, party: Party, holder: str, enabled: bool
    ) -> Rejected | None: ...

    def transfer_ownership(self, account: str, new_owner: str) -> Rejected | None: ...

    def accept_ownership(self, account: str) -> Rejected | None: ...


class Watching(Protocol):
    """What anybody can see."""

    def order(self, order: Handle) -> OrderView: ...

    def sku(self, design: Design) -> Sku | None:
        """None: there is no such option."""

    def catalogue_version(self) -> int: ...

    def owed(self, account: str) -> int: ...

    def escrowed(self) -> int: ...

    def unknown_order(self) -> Handle:
        """A handle of no order."""

    def now_s(self) -> int: ...

    def wait(self, seconds: int) -> None:
        """Let time pass, to the second (`Ability.FROZEN_TIME`)."""


class ShopAdapter(Buying, Keeping, Watching, Protocol):
    """A shop, empty at first, whose owner is the account "owner"."""

    abilities: frozenset[Ability]
