"""Every route of the document that needs a session asks for it, for the token that
other sites do not have, and for whose order and whose shop it is."""

from typing import Any

import pytest

from central_baseline.web.routes.buying import STEPS
from central_baseline.web.routes.openapi import document
from tests.central_baseline.client import DESIGN, Client, fresh_reference

GUARDED = [
    (method.upper(), path)
    for path, methods in document()["paths"].items()
    for method, described in methods.items()
    if "security" in described
]
CHANGING = [(method, path) for method, path in GUARDED if method != "GET"]
OF_AN_ORDER = [(method, path) for method, path in GUARDED if "{id}" in path]
# What only the owner may do, each with a body that he could send.
OWNERS: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/api/stock", {"changes": [{"design": DESIGN, "change": 1}]}),
    ("PUT", "/api/prices", {"prices": [{"design": DESIGN, "price": "7"}]}),
    ("POST", "/api/options", {"kind": "scent", "name": "smoke"}),
    ("PUT", "/api/roles", {"name": "till", "role": "moulder", "enabled": True}),
    ("PUT", "/api/ownership", {"name": "till"}),
    ("PUT", "/api/paused", {"paused": True}),
]
# By route, what a stranger sends: a body that the buyer could send.
STRANGERS: dict[str, dict[str, Any]] = {
    "/api/orders/{id}/pay": {"amount": "1"},
    "/api/orders/{id}/redirect": {"delivery": "0x01"},
}


def at(path: str, order: int, action: str = "cancel") -> str:
    return path.replace("{id}", str(order)).replace("{action}", action)


async def test_without_a_session_nothing_is_answered(shop: Client) -> None:
    assert len(GUARDED) > 15
    for method, path in GUARDED:
        reply = await shop.ask(method, at(path, 1), {})
        assert (reply.status, reply.reason) == (401, "not_signed_in"), (method, path)
        assert (await shop.ask(method, at(path, 1), {}, "0" * 43)).status == 401, path


async def test_a_cookie_without_the_token_changes_nothing_anywhere(
    shop: Client,
) -> None:
    token = (await shop.provision(roles=["owner"]))[0]
    cookie = {"Cookie": f"session={token}"}
    assert len(CHANGING) > 10
    for method, path in CHANGING:
        reply = await shop.ask(method, at(path, 1), {}, headers=cookie)
        assert (reply.status, reply.reason) == (403, "csrf_token_missing"), path
    assert (await shop.ask("GET", "/api/profile", headers=cookie)).status == 200


async def test_an_order_is_nobody_s_but_its_buyer_s_on_every_route(
    shop: Client,
) -> None:
    alice, eve = await shop.provision(2)
    price = await shop.price()
    order = await shop.buy(alice, price=price)
    unpaid = {
        "reference": fresh_reference(),
        "design": DESIGN,
        "quantity": 1,
        "maximum_price": str(price),
    }
    waiting = await shop.ask("POST", "/api/orders", unpaid, alice)
    for before in (order.body, waiting.body):
        for method, path in OF_AN_ORDER:
            actions = sorted(STEPS) if "{action}" in path else [""]
            for action in actions:
                target = at(path, before["id"], action)
                body = STRANGERS.get(path)
                reply = await shop.ask(method, target, body, eve)
                assert reply.status == 403, (method, target, reply)
                assert reply.reason in {"not_your_order", "not_authorized"}, target
        after = await shop.ask("GET", f"/api/orders/{before['id']}", token=alice)
        assert after.body == before
    found = await shop.ask("GET", "/api/orders", token=eve)
    assert found.body["orders"] == []


@pytest.mark.parametrize(("method", "path", "body"), OWNERS)
async def test_the_shop_is_nobody_s_but_the_owner_s(
    shop: Client, method: str, path: str, body: dict[str, Any]
) -> None:
    shopper, moulder = (
        (await shop.provision())[0],
        (await shop.provision(roles=["moulder", "courier"]))[0],
    )
    before = (await shop.ask("GET", "/api/catalogue")).body
    for token in (shopper, moulder):
        reply = await shop.ask(method, path, body, token)
        assert (reply.status, reply.reason) == (403, "not_authorized")
    after = (await shop.ask("GET", "/api/catalogue")).body
    assert {**after, "skus": before["skus"]} == before
