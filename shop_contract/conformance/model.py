"""The rules as a shop to be asked: the model in memory behind the adapter's face."""

from collections.abc import Sequence

from shop_contract.conformance.adapter import Ability, Handle, OrderView
from shop_contract.rules.catalogue import Design, OptionKind, Sku
from shop_contract.rules.model import ModelShop
from shop_contract.rules.orders import Action, Party
from shop_contract.rules.placing import OrderRequest
from shop_contract.rules.reasons import Rejected


class ModelAdapter:
    abilities = frozenset(Ability)

    def __init__(self, now_s: int = 1_750_000_000) -> None:
        self.shop = ModelShop(owner="owner", now_s=now_s)

    def place(
        self, buyer: str, request: OrderRequest, payment: int
    ) -> Handle | Rejected:
        return self.shop.place(buyer, request, payment)

    def place_batch(
        self, buyer: str, requests: Sequence[OrderRequest], payment: int
    ) -> list[Handle] | Rejected:
        first = self.shop.place_batch(buyer, requests, payment)
        if isinstance(first, Rejected):
            return first
        return list(range(first, first + len(requests)))

    def place_unpaid(self, buyer: str, request: OrderRequest) -> Handle | Rejected:
        return self.shop.place_unpaid(buyer, request)

    def pay(self, buyer: str, order: Handle, amount: int) -> Rejected | None:
        return self.shop.pay(buyer, int(order), amount)

    def redirect(self, account: str, order: Handle, delivery: bytes) -> Rejected | None:
        return self.shop.redirect(account, int(order), delivery)

    def set_profile(self, account: str, delivery: bytes) -> Rejected | None:
        return self.shop.set_profile(account, delivery)

    def withdraw(self, account: str) -> int | Rejected:
        return self.shop.withdraw(account)

    def act(self, account: str, action: Action, order: Handle) -> Rejected | None:
        return self.shop.act(account, action, int(order))

    def add_option(self, account: str, kind: OptionKind, name: str) -> Rejected | None:
        return self.shop.add_option(account, kind, name)

    def set_prices(
        self, account: str, prices: Sequence[tuple[Design, int]]
    ) -> Rejected | None:
        return self.shop.set_prices(account, prices)

    def adjust_stock(
        self, account: str, changes: Sequence[tuple[Design, int]]
    ) -> Rejected | None:
        return self.shop.adjust_stock(account, changes)

    def set_paused(self, account: str, paused: bool) -> Rejected | None:
        return self.shop.set_paused(account, paused)

    def set_role(
        self, account: str, party: Party, holder: str, enabled: bool
    ) -> Rejected | None:
        return self.shop.set_role(account, party, holder, enabled)

    def transfer_ownership(self, account: str, new_owner: str) -> Rejected | None:
        return self.shop.transfer_ownership(account, new_owner)

    def accept_ownership(self, account: str) -> Rejected | None:
        return self.shop.accept_ownership(account)

    def order(self, order: Handle) -> OrderView:
        found = self.shop.order(int(order))
        if found is None:
            raise LookupError(f"there is no order {order}")
        return OrderView(
            status=found.status,
            buyer=found.buyer,
            design=found.design,
            quantity=found.quantity,
            total=found.total,
            catalogue_version=found.catalogue_version,
            deadline_s=found.deadline_s,
        )

    def sku(self, design: Design) -> Sku | None:
        return self.shop.catalogue.sku(design)

    def catalogue_version(self) -> int:
        return self.shop.catalogue.version

    def owed(self, account: str) -> int:
        return self.shop.owed.get(account, 0)

    def escrowed(self) -> int:
        return self.shop.escrowed

    def unknown_order(self) -> Handle:
        return len(self.shop.orders) + 1

    def now_s(self) -> int:
        return self.shop.now_s

    def wait(self, seconds: int) -> None:
        self.shop.now_s += seconds
