"""What each operation of the contract costs: `python -m tests.shop_contract.gas`
writes shop_contract/gas.json, and test_gas.py compares.

Each figure is that of a whole transaction, as a receipt states it, on a shop in use:
the buyer has placed an order before, the design is on the shelf, and the owner has been
paid before.
"""

import json
from pathlib import Path

import shop_contract
from shop_contract.codec import encode_call
from shop_contract.conformance import ContractAdapter
from shop_contract.conformance.contract import request_tuple
from shop_contract.conformance.runner import take_opening
from shop_contract.rules import Design, OrderRequest
from shop_contract.rules.limits import CLAIM_WINDOW_S, DELIVERY_WINDOW_S
from tests.shop_contract.chain_shop import EvmShop, bytecode_under_test

TABLE = Path(shop_contract.__file__).parent / "gas.json"
ENVELOPE = bytes(range(1, 193))  # as long as a sealed address is


class _Meter:
    """A shop in use; counts what calls cost."""

    def __init__(self) -> None:
        self.chain = EvmShop()
        take_opening(ContractAdapter(self.chain))
        self.placed = 0
        self.costs: dict[str, int] = {}

    def request(self, envelope: bytes) -> OrderRequest:
        self.placed += 1
        reference = self.placed.to_bytes(2, "big") * 16
        return OrderRequest(Design(0, 1, 1), 2, 2500, reference, envelope)

    def place(self, envelope: bytes = ENVELOPE, name: str = "") -> int:
        call = encode_call("place", *request_tuple(self.request(envelope)))
        self._send("alice", call, 5000, name)
        return self.placed

    def batch(self, size: int, envelope: bytes, name: str) -> None:
        requests = [request_tuple(self.request(envelope)) for _ in range(size)]
        self._send("alice", encode_call("place_batch", requests), size * 5000, name)

    def do(self, account: str, name: str, *arguments: object, label: str = "") -> None:
        self._send(account, encode_call(name, *arguments), 0, label or name)

    def quiet(self, account: str, name: str, *arguments: object) -> None:
        self._send(account, encode_call(name, *arguments), 0, "")

    def _send(self, account: str, call: bytes, value: int, name: str) -> None:
        result = self.chain.transact(account, call, value)
        assert result.success, (name, result.output)
        if name:
            self.costs[name] = result.gas_used


def measure() -> dict[str, int]:
    """Gas by operation, the deployment first."""
    meter = _Meter()
    meter.costs["deploy"] = _deployment()
    meter.place()
    meter.quiet("alice", "cancel", 1)
    meter.place(name="place, envelope of 192 bytes")
    meter.do("alice", "set_profile", ENVELOPE, label="set_profile, first")
    meter.do("alice", "set_profile", ENVELOPE[::-1], label="set_profile, change")
    meter.place(b"", "place, to the profile's address")
    meter.batch(16, ENVELOPE, "place_batch of 16, envelopes of 192 bytes")
    meter.batch(16, b"", "place_batch of 16, to the profile's address")
    meter.do("alice", "redirect", 2, ENVELOPE[::-1], label="redirect")
    meter.do("alice", "cancel", 2)
    meter.do("alice", "withdraw")
    _from_mould_to_release(meter)
    _keep_shop(meter)
    return meter.costs


def _deployment() -> int:
    chain = EvmShop()
    return chain.evm.transact(chain.address("bob"), b"", bytecode_under_test()).gas_used


def _from_mould_to_release(meter: _Meter) -> None:
    for order in (3, 4, 5, 6):
        meter.do("moulder", "mould", order)
        meter.do("courier", "ship", order)
        if order == 3:
            meter.quiet("courier", "deliver", order)
        elif order == 4:
            meter.do("courier", "deliver", order)
        elif order == 5:
            meter.do("owner", "refund", order)
    meter.chain.wait(DELIVERY_WINDOW_S + CLAIM_WINDOW_S + 1)
    meter.do("owner", "release", 6)
    meter.do("alice", "expire", 7)


def _keep_shop(meter: _Meter) -> None:
    designs = [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)]
    meter.do("owner", "add_option", 2, "lavender")
    prices = [(*design, 3000) for design in designs]
    meter.do("owner", "set_prices", prices[:1], label="set_prices, one")
    meter.do("owner", "set_prices", prices, label="set_prices, eight")
    stocks = [(*design, 50) for design in designs]
    meter.do("owner", "adjust_stock", stocks[:1], label="adjust_stock, one")
    meter.do("owner", "adjust_stock", stocks, label="adjust_stock, eight")
    meter.do("owner", "set_paused", True)
    meter.do("owner", "set_moulder", meter.chain.address("bob"), True)
    meter.do("owner", "transfer_ownership", meter.chain.address("bob"))
    meter.do("bob", "accept_ownership")


def main() -> None:
    TABLE.write_text(json.dumps(measure(), indent=2) + "\n")
    print(f"wrote {TABLE}")


if __name__ == "__main__":
    main()
