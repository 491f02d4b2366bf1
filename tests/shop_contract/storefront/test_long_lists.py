"""More orders than fit a page: the newest are shown first, and none is out of reach."""

import json
import os
import urllib.request
from typing import Any

from tests.shop_contract.storefront.browser import Shopper
from tests.shop_contract.storefront.conftest import CentralShop, Visit

ORDERS = 205  # three pages of a hundred
PAGE = 100


def ask(url: str, token: str, body: Any = None) -> Any:
    """A JSON request by the holder of a token."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def buy_many(shop: CentralShop, token: str) -> list[int]:
    """So many candles in batches of sixteen; the orders' numbers."""
    sku = ask(f"{shop.url}/api/catalogue", token)["skus"][0]
    numbers: list[int] = []
    while len(numbers) < ORDERS:
        orders = [
            {
                "reference": "0x" + os.urandom(32).hex(),
                "design": sku["design"],
                "quantity": 1,
                "maximum_price": sku["price"],
                "delivery": "0x0a",
            }
            for _ in range(min(16, ORDERS - len(numbers)))
        ]
        due = str(int(sku["price"]) * len(orders))
        body = {"orders": orders, "payment": due}
        bought = ask(f"{shop.url}/api/batches", token, body)
        numbers += [order["id"] for order in bought["orders"]]
    return numbers


def shown(shopper: Shopper, css: str) -> list[int]:
    """The numbers of the orders in a list, in its sequence."""
    return list(
        shopper.driver.execute_script(
            "return [...document.querySelectorAll(arguments[0] + ' [data-order]')]"
            ".map((card) => Number(card.dataset.order))",
            css,
        )
    )


def until_shown(shopper: Shopper, goal: int) -> None:
    shopper.until(lambda: len(shown(shopper, "#orders")) == goal, f"{goal} orders")


def test_the_newest_of_many_orders_come_first_and_all_can_be_reached(
    central_shop: CentralShop, visit: Visit
) -> None:
    token = central_shop.staff_token("collector-")
    numbers = buy_many(central_shop, token)
    shopper = visit(central_shop.url + "/", "#account")
    shopper.type("#token", token)
    shopper.click("#use-token")
    shopper.news("Welcome")
    shopper.go("orders")
    assert shown(shopper, "#orders") == numbers[: -PAGE - 1 : -1]
    for goal in (2 * PAGE, ORDERS):
        shopper.click("#more")
        until_shown(shopper, goal)
    assert shown(shopper, "#orders") == numbers[::-1]
    assert shopper.find("#more") is None

    shopper.go("board")
    assert "(100 or more)" in shopper.text("#queue-to-mould")
    shopper.click("#more-paid")
    shopper.until(
        lambda: "(200 or more)" in shopper.text("#queue-to-mould"), "a second page"
    )
    waiting = shown(shopper, "section:has(#queue-to-mould)")
    assert waiting == sorted(waiting)
