"""The deployed shop as call data and answers: what to send, and what came back."""

from collections.abc import Sequence
from typing import Any

from eth_utils.address import to_canonical_address

from bench.adapters.chain.signing import Call
from bench.adapters.contract import Design
from bench.errors import BenchError
from bench.workload.delivery import sealed_address
from bench.workload.plan import Session
from shop_contract.codec import (
    STATUSES,
    decode_event,
    decode_result,
    encode_call,
    event_topic,
)

ORDERS_A_PAGE = 64
GAS_MARGIN = 1.3


class Shop:
    """One deployed contract. `gas` holds a limit per function, set by estimates."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._to = to_canonical_address(address)
        self.designs: list[Design] = []
        self.stock = 0
        self.gas = {"place": 1_000_000, "set_profile": 300_000}

    def view(self, function: str, *arguments: object) -> tuple[str, tuple[Any, ...]]:
        """An eth_call of one view at the latest block, as for a batch."""
        data = "0x" + encode_call(function, *arguments).hex()
        return "eth_call", ({"to": self.address, "data": data}, "latest")

    def read(self, function: str, result: Any) -> Any:
        """Decode what a view returned; BenchError if it returned nothing."""
        if not isinstance(result, str) or result == "0x":
            raise BenchError(
                f"the contract at {self.address} does not answer {function}: {result}; "
                "is the shop deployed there?"
            )
        return decode_result(function, bytes.fromhex(result[2:]))

    def take_shelves(self, shelves: Sequence[list[dict[str, int]]], scents: int) -> int:
        """Learn designs, prices and stock from all shelves; the lowest stock."""
        self.designs = [
            Design(shape, index // scents, index % scents, sku["price"])
            for shape, shelf in enumerate(shelves)
            for index, sku in enumerate(shelf)
            if sku["price"] > 0
        ]
        stocks = [sku["stock"] for shelf in shelves for sku in shelf]
        self.stock = sum(stocks)
        return min(stocks, default=0)

    def call_of(self, session: Session, position: int) -> Call:
        """The transaction of one step that writes."""
        step = session.steps[position]
        if step.operation == "change_address":
            return self.profile_call(sealed_address(session.number, position + 1))
        design = self.designs[step.design]
        data = encode_call(
            "place",
            design.shape,
            design.size,
            design.scent,
            step.quantity,
            design.price,
            bytes.fromhex(step.reference),
            b"",
        )
        value = design.price * step.quantity
        return Call(self._to, value, data, self.gas["place"])

    def profile_call(self, envelope: bytes) -> Call:
        """Set the caller's delivery address."""
        data = encode_call("set_profile", envelope)
        return Call(self._to, 0, data, self.gas["set_profile"])

    def placed_filter(self, first: int, last: int) -> dict[str, Any]:
        """The filter for OrderPlaced in a span of blocks."""
        return {
            "address": self.address,
            "topics": ["0x" + event_topic("OrderPlaced").hex()],
            "fromBlock": hex(first),
            "toBlock": hex(last),
        }


def placed_of(log: dict[str, Any]) -> dict[str, Any] | None:
    """The fields of an OrderPlaced log; None for any other."""
    topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
    event = decode_event(topics, bytes.fromhex(log["data"][2:]))
    return event[1] if event is not None and event[0] == "OrderPlaced" else None


def status_word(number: int) -> str:
    """The shop's word for an order's status."""
    status = STATUSES[number]
    return "none" if status is None else status.value
