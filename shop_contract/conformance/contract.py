"""The contract as a shop to be asked, whichever way its transactions are executed.

A `ContractBackend` executes: an EVM inside a test, or a node behind JSON-RPC. This
module turns the adapter's operations into calls and revert words into reasons.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from eth_utils.address import to_checksum_address

from shop_contract.codec import (
    STATUSES,
    decode_result,
    encode_call,
    revert_reason,
)
from shop_contract.conformance.adapter import Ability, Handle, OrderView
from shop_contract.rules.catalogue import Design, OptionKind, Sku
from shop_contract.rules.orders import Action, Party
from shop_contract.rules.placing import OrderRequest
from shop_contract.rules.reasons import Reason, Rejected


@dataclass(frozen=True, slots=True)
class Sent:
    """A transaction that was executed: its return data, or its revert data."""

    success: bool
    output: bytes


class ContractBackend(Protocol):
    """Executes calls to one deployed, empty shop whose owner is the account "owner"."""

    def send(self, account: str, data: bytes, value: int) -> Sent: ...

    def call(self, data: bytes) -> Sent: ...

    def address(self, account: str) -> bytes:
        """The 20 bytes of a named account that has money to spend."""

    def now_s(self) -> int:
        """The time that the next transaction will see."""

    def wait(self, seconds: int) -> None: ...


class ContractAdapter:
    """A ShopAdapter over a backend whose clock may run (then without FROZEN_TIME)."""

    ABILITIES = frozenset(Ability) - {Ability.TWO_STEPS}

    def __init__(
        self,
        backend: ContractBackend,
        abilities: frozenset[Ability] = ABILITIES,
    ) -> None:
        self._backend = backend
        self.abilities = abilities

    def place(
        self, buyer: str, request: OrderRequest, payment: int
    ) -> Handle | Rejected:
        answer = self._send(buyer, payment, "place", *request_tuple(request))
        return answer if isinstance(answer, Rejected) else int(answer)

    def place_batch(
        self, buyer: str, requests: Sequence[OrderRequest], payment: int
    ) -> list[Handle] | Rejected:
        tuples = [request_tuple(request) for request in requests]
        first = self._send(buyer, payment, "place_batch", tuples)
        if isinstance(first, Rejected):
            return first
        return list(range(first, first + len(tuples)))

    def place_unpaid(self, buyer: str, request: OrderRequest) -> Handle | Rejected:
        raise NotImplementedError("the contract takes orders only with their payment")

    def pay(self, buyer: str, order: Handle, amount: int) -> Rejected | None:
        raise NotImplementedError("the contract takes orders only with their payment")

    def redirect(self, account: str, order: Handle, delivery: bytes) -> Rejected | None:
        return self._do(account, "redirect", order, delivery)

    def set_profile(self, account: str, delivery: bytes) -> Rejected | None:
        return self._do(account, "set_profile", delivery)

    def withdraw(self, account: str) -> int | Rejected:
        answer = self._send(account, 0, "withdraw")
        return answer if isinstance(answer, Rejected) else int(answer)

    def act(self, account: str, action: Action, order: Handle) -> Rejected | None:
        return self._do(account, action.value, order)

    def add_option(self, account: str, kind: OptionKind, name: str) -> Rejected | None:
        return self._do(account, "add_option", list(OptionKind).index(kind), name)

    def set_prices(
        self, account: str, prices: Sequence[tuple[Design, int]]
    ) -> Rejected | None:
        return self._do(account, "set_prices", change_tuples(prices))

    def adjust_stock(
        self, account: str, changes: Sequence[tuple[Design, int]]
    ) -> Rejected | None:
        return self._do(account, "adjust_stock", change_tuples(changes))

    def set_paused(self, account: str, paused: bool) -> Rejected | None:
        return self._do(account, "set_paused", paused)

    def set_role(
        self, account: str, party: Party, holder: str, enabled: bool
    ) -> Rejected | None:
        address = self._backend.address(holder)
        return self._do(account, f"set_{party.value}", address, enabled)

    def transfer_ownership(self, account: str, new_owner: str) -> Rejected | None:
        address = self._backend.address(new_owner)
        return self._do(account, "transfer_ownership", address)

    def accept_ownership(self, account: str) -> Rejected | None:
        return self._do(account, "accept_ownership")

    def order(self, order: Handle) -> OrderView:
        seen = self.view("order", order)
        status = STATUSES[seen["status"]]
        if status is None:
            raise LookupError(f"there is no order {order}")
        return OrderView(
            status=status,
            buyer=to_checksum_address(seen["buyer"]),
            design=Design(seen["shape"], seen["size"], seen["scent"]),
            quantity=seen["quantity"],
            total=seen["total"],
            catalogue_version=seen["catalogue_version"],
            deadline_s=seen["deadline"],
        )

    def sku(self, design: Design) -> Sku | None:
        data = encode_call("sku", design.shape, design.size, design.scent)
        answer = self._backend.call(data)
        if not answer.success:
            if _rejected(answer).reason is Reason.UNKNOWN_OPTION:
                return None
            raise RuntimeError(f"sku({design}) failed: {answer.output.hex()}")
        seen = decode_result("sku", answer.output)
        return Sku(design, seen["price"], seen["stock"])

    def catalogue_version(self) -> int:
        return int(self.view("catalogue_version"))

    def owed(self, account: str) -> int:
        return int(self.view("owed", self._backend.address(account)))

    def escrowed(self) -> int:
        return int(self.view("escrowed"))

    def unknown_order(self) -> Handle:
        return int(self.view("order_count")) + 1

    def now_s(self) -> int:
        return self._backend.now_s()

    def wait(self, seconds: int) -> None:
        self._backend.wait(seconds)

    def _do(self, account: str, function: str, *arguments: object) -> Rejected | None:
        answer = self._send(account, 0, function, *arguments)
        return answer if isinstance(answer, Rejected) else None

    def _send(self, account: str, value: int, function: str, *arguments: object) -> Any:
        data = encode_call(function, *arguments)
        answer = self._backend.send(account, data, value)
        if not answer.success:
            return _rejected(answer)
        return decode_result(function, answer.output)

    def view(self, function: str, *arguments: object) -> Any:
        """What a view of the contract returns; raises RuntimeError if it reverts."""
        answer = self._backend.call(encode_call(function, *arguments))
        if not answer.success:
            raise RuntimeError(f"the view {function}{arguments} reverted")
        return decode_result(function, answer.output)


def request_tuple(request: OrderRequest) -> tuple[object, ...]:
    """An order request as the contract's `place` takes it."""
    design = request.design
    return (
        design.shape,
        design.size,
        design.scent,
        request.quantity,
        request.maximum_price,
        request.reference,
        request.delivery,
    )


def change_tuples(changes: Sequence[tuple[Design, int]]) -> list[tuple[int, ...]]:
    """Prices or stock changes as `set_prices` and `adjust_stock` take them."""
    return [(d.shape, d.size, d.scent, value) for d, value in changes]


def _rejected(answer: Sent) -> Rejected:
    word = revert_reason(answer.output)
    if word is None:
        raise RuntimeError(f"rejected without a reason: 0x{answer.output.hex()}")
    return Rejected(Reason(word))
