"""Asking a shop a vector's questions, and telling how its answers differ."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shop_contract.conformance.adapter import Handle, ShopAdapter
from shop_contract.conformance.vectors import (
    Vector,
    design_of,
    envelope_bytes,
    reference_bytes,
    request_of,
)
from shop_contract.rules.catalogue import OptionKind
from shop_contract.rules.orders import Action, Party
from shop_contract.rules.reasons import Rejected

Step = Mapping[str, Any]

# How every vector's shop is opened: two options of each kind, one design at 1000 with
# ten candles, one dearer, one without stock, the other five not for sale; the staff.
OPENING: Sequence[Step] = (
    {"op": "add_option", "by": "owner", "kind": "shape", "name": "pillar"},
    {"op": "add_option", "by": "owner", "kind": "shape", "name": "taper"},
    {"op": "add_option", "by": "owner", "kind": "size", "name": "small"},
    {"op": "add_option", "by": "owner", "kind": "size", "name": "large"},
    {"op": "add_option", "by": "owner", "kind": "scent", "name": "none"},
    {"op": "add_option", "by": "owner", "kind": "scent", "name": "vanilla"},
    {
        "op": "set_prices",
        "by": "owner",
        "prices": {"0/0/0": "1000", "0/1/1": "2500", "1/0/0": "700"},
    },
    {"op": "adjust_stock", "by": "owner", "changes": {"0/0/0": 10, "0/1/1": 5000}},
    {
        "op": "set_role",
        "by": "owner",
        "party": "moulder",
        "holder": "moulder",
        "enabled": True,
    },
    {
        "op": "set_role",
        "by": "owner",
        "party": "courier",
        "holder": "courier",
        "enabled": True,
    },
)


def run_vector(vector: Vector, shop: ShopAdapter) -> list[str]:
    """Open the (empty) shop, take the vector's steps, return the differences.

    The caller leaves out vectors that need what the shop has not (`vector.needs` beyond
    `shop.abilities`). Raises what the adapter raises: an answer without a reason is no
    answer.
    """
    run = Run(shop)
    run.take_all(OPENING)
    for number, step in enumerate(vector.steps, start=1):
        run.take(step, f"step {number} ({step['op']})")
    return run.differences


def take_opening(shop: ShopAdapter) -> None:
    """Open an empty shop as every vector finds it. Raises ValueError if it refuses."""
    run = Run(shop)
    run.take_all(OPENING)
    if run.differences:
        raise ValueError(f"the shop cannot be opened: {'; '.join(run.differences)}")


class Run:
    """One shop, the handles of the orders placed so far, the differences so far."""

    def __init__(self, shop: ShopAdapter) -> None:
        self.shop = shop
        self.handles: dict[bytes, Handle] = {}
        self.differences: list[str] = []

    def take_all(self, steps: Sequence[Step]) -> None:
        for step in steps:
            self.take(step)

    def take(self, step: Step, where: str = "opening") -> None:
        answer = self.perform(step)
        said = f"rejected: {answer.reason}" if isinstance(answer, Rejected) else "ok"
        self._compare(where, said, step.get("expect", "ok"))
        if "amount_out" in step:
            self._compare(f"{where}: amount", answer, int(step["amount_out"]))
        for name, expected in step.get("then", {}).items():
            if isinstance(expected, Mapping):
                for key, value in expected.items():
                    seen = self.observe(name, key)
                    self._compare(f"{where}: {name} of {key}", seen, value)
            else:
                self._compare(f"{where}: {name}", self.observe(name, ""), expected)

    def _compare(self, what: str, seen: object, expected: object) -> None:
        if str(seen) != str(expected):
            self.differences.append(f"{what}: expected {expected}, got {seen}")

    def perform(self, step: Step) -> object:
        """What the shop answers to one step's operation."""
        shop, by = self.shop, step.get("by", "")
        match step["op"]:
            case "wait":
                shop.wait(int(step["seconds"]))
                return None
            case "place":
                request = request_of(step)
                placed = shop.place(by, request, int(step["payment"]))
                return self._remember([step], [placed])
            case "place_unpaid":
                return self._remember([step], [shop.place_unpaid(by, request_of(step))])
            case "place_batch":
                orders = step["orders"]
                requests = [request_of(order) for order in orders]
                batch = shop.place_batch(by, requests, int(step["payment"]))
                if isinstance(batch, Rejected):
                    return batch
                return self._remember(orders, batch)
            case "pay":
                return shop.pay(by, self.handle(step["order"]), int(step["amount"]))
            case "redirect":
                envelope = envelope_bytes(step["delivery"])
                return shop.redirect(by, self.handle(step["order"]), envelope)
            case "set_profile":
                return shop.set_profile(by, envelope_bytes(step["delivery"]))
            case "withdraw":
                return shop.withdraw(by)
            case word if word in set(Action):
                return shop.act(by, Action(word), self.handle(step["order"]))
            case _:
                return self._keep_shop(step)

    def _keep_shop(self, step: Step) -> object:
        shop, by = self.shop, step.get("by", "")
        operations: dict[str, Callable[[], object]] = {
            "add_option": lambda: shop.add_option(
                by, OptionKind(step["kind"]), step["name"]
            ),
            "set_prices": lambda: shop.set_prices(by, _changes(step["prices"])),
            "adjust_stock": lambda: shop.adjust_stock(by, _changes(step["changes"])),
            "set_paused": lambda: shop.set_paused(by, step["paused"]),
            "set_role": lambda: shop.set_role(
                by, Party(step["party"]), step["holder"], step["enabled"]
            ),
            "transfer_ownership": lambda: shop.transfer_ownership(by, step["to"]),
            "accept_ownership": lambda: shop.accept_ownership(by),
        }
        if step["op"] not in operations:
            raise ValueError(f"no vector may ask for the operation {step['op']!r}")
        return operations[step["op"]]()

    def observe(self, name: str, key: str) -> object:
        """One thing of a step's `then`; `key` is empty where it has none."""
        shop = self.shop
        observations: dict[str, Callable[[], object]] = {
            "status": lambda: shop.order(self.handle(key)).status,
            "total": lambda: shop.order(self.handle(key)).total,
            "quantity": lambda: shop.order(self.handle(key)).quantity,
            "order_version": lambda: shop.order(self.handle(key)).catalogue_version,
            "deadline_in": lambda: (
                shop.order(self.handle(key)).deadline_s - shop.now_s()
            ),
            "deadline": lambda: shop.order(self.handle(key)).deadline_s,
            "stock": lambda: getattr(shop.sku(design_of(key)), "stock", None),
            "price": lambda: getattr(shop.sku(design_of(key)), "price", None),
            "owed": lambda: shop.owed(key),
            "escrowed": shop.escrowed,
            "version": shop.catalogue_version,
        }
        return observations[name]()

    def handle(self, name: str) -> Handle:
        """Of the order placed under this reference."""
        if name == "unknown":
            return self.shop.unknown_order()
        return self.handles[reference_bytes(name)]

    def _remember(
        self, steps: Sequence[Step], placed: Sequence[Handle | Rejected]
    ) -> object:
        for step, handle in zip(steps, placed, strict=True):
            if isinstance(handle, Rejected):
                return handle
            self.handles[reference_bytes(step["reference"])] = handle
        return None


def _changes(changes: Mapping[str, Any]) -> list[Any]:
    return [(design_of(key), int(value)) for key, value in changes.items()]
