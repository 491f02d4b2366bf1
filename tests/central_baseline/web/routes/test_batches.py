"""Several orders over HTTP: all or none, and a retry gets the first answers."""

import asyncio
from typing import Any

from tests.central_baseline.client import DESIGN, Answer, Client, fresh_reference

OTHER = {"shape": 1, "size": 1, "scent": 1}


async def wanted(shop: Client, *designs: dict[str, int]) -> list[dict[str, Any]]:
    """One candle of each design, each under a fresh reference."""
    return [
        {
            "reference": fresh_reference(),
            "design": design,
            "quantity": 1,
            "maximum_price": str(await shop.price(design)),
        }
        for design in designs
    ]


async def buy(shop: Client, token: str, orders: list[dict[str, Any]]) -> Answer:
    payment = str(sum(int(order["maximum_price"]) for order in orders))
    body = {"orders": orders, "payment": payment}
    return await shop.ask("POST", "/api/batches", body, token)


async def stock_of(shop: Client, design: dict[str, int]) -> int:
    shelf = (await shop.ask("GET", "/api/catalogue")).body["skus"]
    return next(int(sku["stock"]) for sku in shelf if sku["design"] == design)


async def test_a_retry_gets_the_first_answers_in_the_same_sequence(
    shop: Client,
) -> None:
    token = (await shop.provision())[0]
    orders = await wanted(shop, DESIGN, OTHER, DESIGN)
    first = await buy(shop, token, orders)
    assert first.status == 201, first
    bought = first.body["orders"]
    assert [o["reference"] for o in bought] == [o["reference"] for o in orders]
    assert [o["id"] for o in bought] == sorted(o["id"] for o in bought)
    cancel = f"/api/orders/{bought[1]['id']}/cancel"
    assert (await shop.ask("POST", cancel, token=token)).status == 200
    again = await buy(shop, token, orders)
    assert (again.status, again.body) == (200, first.body)
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_retries_at_once_make_each_order_once(shop: Client) -> None:
    token = (await shop.provision())[0]
    orders = await wanted(shop, OTHER, DESIGN)
    before = await stock_of(shop, OTHER)
    answers = await asyncio.gather(*(buy(shop, token, orders) for _ in range(10)))
    assert sorted(answer.status for answer in answers) == [200] * 9 + [201]
    assert len({str(answer.body) for answer in answers}) == 1
    assert await stock_of(shop, OTHER) == before - 1
    references = {order["reference"] for order in orders}
    audited = [o for o in await shop.all_orders() if o["reference"] in references]
    assert [order["replays"] for order in audited] == [9, 9]


async def test_known_and_new_references_together_are_refused(shop: Client) -> None:
    token = (await shop.provision())[0]
    orders = await wanted(shop, DESIGN, OTHER)
    assert (await buy(shop, token, orders[:1])).status == 201
    before = await stock_of(shop, OTHER)
    refused = await buy(shop, token, orders)
    assert (refused.status, refused.reason) == (409, "already_placed")
    assert await stock_of(shop, OTHER) == before
    audited = [
        o for o in await shop.all_orders() if o["reference"] == orders[0]["reference"]
    ]
    assert [order["replays"] for order in audited] == [0]


async def test_a_reference_of_another_purchase_is_no_retry(shop: Client) -> None:
    token = (await shop.provision())[0]
    orders = await wanted(shop, DESIGN, OTHER)
    assert (await buy(shop, token, orders)).status == 201
    other = [{**orders[0], "quantity": 2}, orders[1]]
    refused = await buy(shop, token, other)
    assert (refused.status, refused.reason) == (409, "already_placed")


async def test_batches_of_the_same_candles_in_any_sequence_all_get_through(
    shop: Client,
) -> None:
    """Each locks the rows of its candles in the order of their key: no deadlock."""
    tokens = await shop.provision(8)
    there = await wanted(shop, DESIGN, OTHER)
    batches = [
        [{**order, "reference": fresh_reference()} for order in orders]
        for orders in (there, there[::-1]) * 4
    ]
    pairs = zip(tokens, batches, strict=True)
    answers = await asyncio.gather(*(buy(shop, *pair) for pair in pairs))
    assert [answer.status for answer in answers] == [201] * 8


async def test_the_longest_batch_fits_and_nothing_longer_is_read(shop: Client) -> None:
    token = (await shop.provision())[0]
    sealed = "0x" + "5e" * 512
    orders = [
        {**order, "delivery": sealed} for order in await wanted(shop, *[DESIGN] * 16)
    ]
    assert (await buy(shop, token, orders)).status == 201
    more = [{**order, "reference": fresh_reference()} for order in orders * 4]
    assert (await buy(shop, token, more[:17])).reason == "batch_too_large"
    assert (await buy(shop, token, more[:33])).reason == "malformed_request"
    long = await buy(shop, token, more)
    assert (long.status, long.reason) == (413, "body_too_large")
    one = {**orders[0], "payment": "1", "delivery": "0x" + "5e" * 9_000}
    too_long = await shop.ask("POST", "/api/orders", one, token)
    assert (too_long.status, too_long.reason) == (413, "body_too_large")


async def test_a_malformed_order_is_told_by_its_field(shop: Client) -> None:
    token = (await shop.provision())[0]
    [order] = await wanted(shop, DESIGN)
    for change, told in (
        ({"quantity": "many"}, "quantity"),
        ({"payment": "1"}, "payment"),
    ):
        refused = await buy(shop, token, [{**order, **change}])
        assert (refused.status, refused.reason) == (400, "malformed_request")
        assert f"'{told}'" in refused.body["error"]["message"]
