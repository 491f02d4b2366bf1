"""Purchases over HTTP: idempotency, ownership, what is refused and how."""

import asyncio

import pytest

from tests.central_baseline.client import DESIGN, Client, fresh_reference

RARE = {"shape": 4, "size": 2, "scent": 5}  # used by one test only


async def test_a_retry_gets_the_first_answer_whatever_happened_since(
    shop: Client,
) -> None:
    token = (await shop.provision())[0]
    reference = fresh_reference()
    first = await shop.buy(token, reference)
    assert first.status == 201
    order = f"/api/orders/{first.body['id']}"
    assert first.headers["Location"] == order
    assert (await shop.ask("POST", order + "/cancel", token=token)).status == 200
    again = await shop.buy(token, reference)
    assert (again.status, again.body) == (200, first.body)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (await shop.ask("GET", order, token=token)).body["status"] == "cancelled"


async def test_twenty_retries_at_once_make_one_order(shop: Client) -> None:
    token = (await shop.provision())[0]
    reference, price = fresh_reference(), await shop.price()
    answers = await asyncio.gather(
        *(shop.buy(token, reference, price=price) for _ in range(20))
    )
    assert sorted(answer.status for answer in answers) == [200] * 19 + [201]
    assert len({answer.body["id"] for answer in answers}) == 1
    audited = [o for o in await shop.all_orders() if o["reference"] == reference]
    assert [order["replays"] for order in audited] == [19]


async def test_a_reference_does_not_stand_for_another_purchase(shop: Client) -> None:
    token = (await shop.provision())[0]
    reference = fresh_reference()
    assert (await shop.buy(token, reference)).status == 201
    other = await shop.buy(token, reference, quantity=2)
    assert (other.status, other.reason) == (409, "already_placed")


async def test_two_buyers_may_choose_the_same_reference(shop: Client) -> None:
    alice, bob = await shop.provision(2)
    reference = fresh_reference()
    bought = [await shop.buy(alice, reference), await shop.buy(bob, reference)]
    assert [answer.status for answer in bought] == [201, 201]


async def test_the_last_candles_are_sold_once(shop: Client) -> None:
    owner = (await shop.provision(roles=["owner"]))[0]
    buyers = await shop.provision(12)
    catalogue = (await shop.ask("GET", "/api/catalogue")).body
    sku = next(sku for sku in catalogue["skus"] if sku["design"] == RARE)
    change = {"changes": [{"design": RARE, "change": 5 - sku["stock"]}]}
    assert (await shop.ask("POST", "/api/stock", change, owner)).status == 200
    price = int(sku["price"])
    answers = await asyncio.gather(
        *(shop.buy(buyer, design=RARE, price=price) for buyer in buyers)
    )
    refused = [answer for answer in answers if answer.status != 201]
    assert len(refused) == len(buyers) - 5
    assert {(a.status, a.reason) for a in refused} == {(409, "out_of_stock")}


async def test_a_new_price_is_not_charged_to_who_agreed_to_the_old(
    shop: Client,
) -> None:
    owner = (await shop.provision(roles=["owner"]))[0]
    buyer = (await shop.provision())[0]
    design = {"shape": 3, "size": 2, "scent": 4}
    old = await shop.price(design)
    assert (await shop.buy(buyer, design=design, price=old)).status == 201
    change = {"prices": [{"design": design, "price": str(old + 1)}]}
    assert (await shop.ask("PUT", "/api/prices", change, owner)).status == 200
    late = await shop.buy(buyer, design=design, price=old)
    assert (late.status, late.reason) == (409, "price_above_maximum")
    paid_old = await shop.buy(
        buyer, design=design, price=old, maximum_price=str(old + 1)
    )
    assert (paid_old.status, paid_old.reason) == (422, "wrong_payment")


async def test_orders_of_others_are_neither_read_nor_moved(shop: Client) -> None:
    alice, eve = await shop.provision(2)
    moulder = (await shop.provision(roles=["moulder"]))[0]
    order = f"/api/orders/{(await shop.buy(alice)).body['id']}"
    assert (await shop.ask("GET", order, token=eve)).reason == "not_your_order"
    assert (await shop.ask("POST", order + "/cancel", token=eve)).status == 403
    assert (await shop.ask("POST", order + "/mould", token=eve)).status == 403
    assert (await shop.ask("GET", order)).status == 401
    assert (await shop.ask("GET", order, token=moulder)).status == 200
    assert (await shop.ask("GET", "/api/board", token=eve)).reason == "not_authorized"


async def test_own_orders_come_in_pages_and_by_reference(shop: Client) -> None:
    token = (await shop.provision())[0]
    price = await shop.price()
    bought = [(await shop.buy(token, price=price)).body for _ in range(3)]
    page = await shop.ask("GET", "/api/orders?limit=2", token=token)
    assert page.body["orders"] == bought[:2]
    rest = await shop.ask(
        "GET", f"/api/orders?after={page.body['next_after']}", token=token
    )
    assert (rest.body["orders"], rest.body["next_after"]) == (bought[2:], None)
    newest = await shop.ask("GET", "/api/orders?before=999999999&limit=2", token=token)
    assert newest.body["orders"] == bought[:0:-1]
    first = await shop.ask(
        "GET", f"/api/orders?before={newest.body['next_before']}&limit=2", token=token
    )
    assert (first.body["orders"], first.body["next_before"]) == (bought[:1], None)
    one = await shop.ask(
        "GET", f"/api/orders?reference={bought[1]['reference']}", token=token
    )
    assert one.body["orders"] == [bought[1]]


async def test_two_steps_at_once_move_an_order_once(shop: Client) -> None:
    buyer = (await shop.provision())[0]
    moulder = (await shop.provision(roles=["moulder"]))[0]
    order = f"/api/orders/{(await shop.buy(buyer)).body['id']}"
    answers = await asyncio.gather(
        *(shop.ask("POST", order + "/mould", token=moulder) for _ in range(5)),
        *(shop.ask("POST", order + "/cancel", token=buyer) for _ in range(5)),
    )
    assert [answer.status for answer in answers].count(200) == 1
    assert {a.reason for a in answers if a.status != 200} == {"wrong_status"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"quantity": "many"}, "'quantity'"),
        ({"quantity": True}, "'quantity'"),
        ({"quantity": 1.5}, "'quantity'"),
        ({"payment": 7}, "'payment'"),
        ({"payment": "-7"}, "'payment'"),
        ({"payment": "9" * 79}, "'payment'"),
        ({"reference": "0x123"}, "'reference'"),
        ({"reference": 5}, "'reference'"),
        ({"design": {"shape": 0, "size": 0}}, "'scent'"),
        ({"design": {**DESIGN, "wick": 1}}, "'wick'"),
        ({"design": [0, 0, 0]}, "'design'"),
        ({"discount": "1"}, "'discount'"),
    ],
)
async def test_a_malformed_purchase_is_told_by_its_field(
    shop: Client, changes: dict[str, object], told: str
) -> None:
    token = (await shop.provision())[0]
    reply = await shop.buy(token, **{"price": 1000, **changes})
    assert (reply.status, reply.reason) == (400, "malformed_request")
    assert told in reply.body["error"]["message"]
