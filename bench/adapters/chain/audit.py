"""Reading the chain back after the run: every order, the money, and every node.

Orders come from the log of OrderPlaced and their status from the contract's storage, so
that one must confirm the other. Each node is asked by itself for the same height: block
hash and number of orders must agree.
"""

import asyncio
from typing import Any

from bench.adapters.chain.rpc import Nodes, RpcRefusal
from bench.adapters.chain.shop import ORDERS_A_PAGE, Shop, placed_of, status_word
from bench.adapters.contract import OrderFact, Witness
from bench.adapters.http import Broken
from bench.errors import BenchError

LOG_SPAN_BLOCKS = 500
CATCH_UP_ATTEMPTS = 60
CATCH_UP_PAUSE_S = 0.5


async def read_orders(
    nodes: Nodes, shop: Shop, customers: dict[str, int], since: int
) -> tuple[OrderFact, ...]:
    """Every order of the contract, oldest first, all as of one height. None was placed
    before the block `since`; the contract's own count would show it."""
    height = int(await nodes.anywhere("eth_blockNumber"), 16)
    placed: list[dict[str, Any]] = []
    for first in range(since, height + 1, LOG_SPAN_BLOCKS):
        last = min(first + LOG_SPAN_BLOCKS - 1, height)
        logs = await nodes.anywhere("eth_getLogs", shop.placed_filter(first, last))
        placed += [event for log in logs if (event := placed_of(log)) is not None]
    at = hex(height)
    count = shop.read("order_count", await _view(nodes, shop, "order_count", at=at))
    if count != len(placed):
        raise BenchError(f"the contract counts {count} orders, its log {len(placed)}")
    stored = []
    for first in range(1, count + 1, ORDERS_A_PAGE):
        result = await _view(nodes, shop, "orders", first, ORDERS_A_PAGE, at=at)
        stored += shop.read("orders", result)
    return tuple(
        _fact(event, order, customers)
        for event, order in zip(placed, stored, strict=True)
    )


def _fact(
    event: dict[str, Any], order: dict[str, Any], customers: dict[str, int]
) -> OrderFact:
    """One order; where log and storage disagree the amount is made impossible, so that
    the check of amounts fails."""
    agree = event["total"] == order["total"] and event["buyer"] == order["buyer"]
    return OrderFact(
        order=str(event["order_id"]),
        reference=event["reference"].hex(),
        customer=customers.get(event["buyer"].lower(), -1),
        status=status_word(order["status"]),
        amount=event["total"] if agree else -1,
        quantity=order["quantity"],
    )


async def read_money(nodes: Nodes, shop: Shop) -> int:
    """What the contract holds for orders: its balance without what it owes already."""
    balance = int(await nodes.anywhere("eth_getBalance", shop.address, "latest"), 16)
    owed: int = shop.read("owed_total", await _view(nodes, shop, "owed_total"))
    escrowed: int = shop.read("escrowed", await _view(nodes, shop, "escrowed"))
    if escrowed > balance - owed:
        raise BenchError(f"escrow {escrowed} exceeds balance {balance} less {owed}")
    return balance - owed


async def read_shelves(nodes: Nodes, shop: Shop) -> int:
    """Refresh designs and stock; returns the lowest stock."""
    names = shop.read("catalogue", await _view(nodes, shop, "catalogue"))
    shelves = [
        shop.read("shelf", await _view(nodes, shop, "shelf", shape))
        for shape in range(len(names["shapes"]))
    ]
    return shop.take_shelves(shelves, len(names["scents"]))


async def read_witnesses(
    nodes: Nodes, shop: Shop, components: list[str]
) -> tuple[Witness, ...]:
    """Every node at one height; a node that never gets there says so."""
    height = int(await nodes.anywhere("eth_blockNumber"), 16)
    return tuple(
        await asyncio.gather(
            *(
                _witness(nodes, node, shop, (component, height))
                for node, component in enumerate(components)
            )
        )
    )


async def _witness(nodes: Nodes, node: int, shop: Shop, at: tuple[str, int]) -> Witness:
    component, height = at
    problem = "is behind"
    for _ in range(CATCH_UP_ATTEMPTS):
        try:
            if int(await nodes.call(node, "eth_blockNumber"), 16) >= height:
                tag = hex(height)
                block = await nodes.call(node, "eth_getBlockByNumber", tag, False)
                method, (call, _) = shop.view("order_count")
                count = await nodes.call(node, method, call, tag)
                return Witness(
                    component,
                    shop.read("order_count", count),
                    f"block {height}",
                    block["hash"],
                )
        except (Broken, RpcRefusal) as error:
            problem = str(error)
        await asyncio.sleep(CATCH_UP_PAUSE_S)
    return Witness(component, -1, f"never showed block {height}: {problem}", "")


async def _view(
    nodes: Nodes, shop: Shop, function: str, *arguments: object, at: str = "latest"
) -> Any:
    method, (call, _) = shop.view(function, *arguments)
    return await nodes.anywhere(method, call, at)
