"""Health, limits, metrics, the OpenAPI document, the private address."""

import json
import re

import jsonschema
from aiohttp import web

from central_baseline.web.routes import buying, health, owning, people, shelves
from central_baseline.web.routes.openapi import document
from tests.central_baseline.client import Client
from tests.central_baseline.waiting import until


def test_the_document_has_exactly_the_routes_there_are() -> None:
    app = web.Application()
    for room in (health, buying, people, shelves, owning):
        room.add_routes(app.router)
    served = {
        (route.method.lower(), route.resource.canonical)
        for route in app.router.routes()
        if route.method != "HEAD" and route.resource is not None
    }
    described = {
        (method, path)
        for path, methods in document()["paths"].items()
        for method in methods
    }
    assert described == served


def test_the_document_is_whole() -> None:
    """Its schemas are schemas, its references lead somewhere, its paths' variables are
    described, and every operation says what it answers."""
    whole = document()
    schemas = whole["components"]["schemas"]
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    references = re.findall(r'"\$ref": "([^"]*)"', json.dumps(whole))
    assert set(references) == {f"#/components/schemas/{name}" for name in schemas}
    ways = set(whole["components"]["securitySchemes"])
    for path, methods in whole["paths"].items():
        inside = set(re.findall(r"{(\w+)}", path))
        for operation in methods.values():
            known = [p for p in operation["parameters"] if p["in"] == "path"]
            assert {p["name"] for p in known if p["required"]} == inside
            assert operation["responses"]
            assert {n for s in operation.get("security", []) for n in s} <= ways
            contents = [r.get("content") for r in operation["responses"].values()]
            contents.append(operation.get("requestBody", {}).get("content"))
            for content in filter(None, contents):
                schema = content["application/json"]["schema"]
                jsonschema.Draft202012Validator.check_schema(schema)


async def test_answers_are_as_the_document_says(shop: Client) -> None:
    described = (await shop.ask("GET", "/openapi.json")).body
    assert described["openapi"].startswith("3.1")
    token = (await shop.provision())[0]
    order = await shop.buy(token)
    checks = [
        ("post", "/api/orders", "201", order),
        ("get", "/api/owed", "default", await shop.ask("GET", "/api/owed")),
    ]
    for path in ("/api/catalogue", "/api/orders", "/api/profile", "/api/owed"):
        checks.append(("get", path, "200", await shop.ask("GET", path, None, token)))
    for method, path, status, reply in checks:
        responses = described["paths"][path][method]["responses"]
        schema = responses[status]["content"]["application/json"]["schema"]
        whole = {**schema, "components": described["components"]}
        jsonschema.validate(reply.body, whole)


async def test_health_routes_answer(shop: Client) -> None:
    for path in ("/live", "/ready", "/health"):
        assert (await shop.ask("GET", path)).status == 200


async def test_what_is_not_there_is_said_in_json(shop: Client) -> None:
    assert (await shop.ask("GET", "/api/candles")).reason == "no_such_page"
    assert (await shop.ask("PATCH", "/api/orders")).reason == "method_not_allowed"
    token = (await shop.provision())[0]
    assert (await shop.ask("POST", "/api/orders/1/melt", token=token)).status == 404


async def test_bodies_are_bounded_and_must_be_json_objects(shop: Client) -> None:
    token = (await shop.provision())[0]
    big = await shop.ask("POST", "/api/orders", {"reference": "0" * 20_000}, token)
    assert (big.status, big.reason) == (413, "body_too_large")
    deep = "[" * 5000 + "]" * 5000
    for raw, content_type in (
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b"\xff\xfe", "application/json"),
        (deep.encode(), "application/json"),
        (b"a=b", "application/x-www-form-urlencoded"),
    ):
        headers = {"Authorization": f"Bearer {token}", "Content-Type": content_type}
        url = shop.url + "/api/orders"
        async with shop.http.post(url, data=raw, headers=headers) as response:
            assert response.status == 400
            found = json.loads(await response.read())
            assert found["error"]["reason"] == "malformed_request"


async def test_a_request_id_is_echoed_or_made(shop: Client) -> None:
    given = await shop.ask("GET", "/live", headers={"X-Request-Id": "abc-1"})
    assert given.headers["X-Request-ID"] == "abc-1"
    made = await shop.ask("GET", "/live", headers={"X-Request-Id": "<script>"})
    assert made.headers["X-Request-ID"].isalnum()


async def test_metrics_count_orders(shop: Client) -> None:
    token = (await shop.provision())[0]
    await shop.buy(token)
    reply = await shop.ask("GET", shop.rung.admin["urls"][0] + "/metrics")
    text = reply.body.decode()
    assert 'shop_orders_total{answer="new"}' in text
    assert 'route="/api/orders/{id}"' in text or 'route="/api/orders"' in text


async def test_the_private_address_wants_the_admin_token(shop: Client) -> None:
    base = shop.rung.admin["urls"][0]
    token = (await shop.provision())[0]
    for sent in (None, token, shop.rung.admin["token"] + "x"):
        reply = await shop.ask("GET", base + "/admin/ledger", token=sent)
        assert reply.status == 401


async def test_provisioning_again_keeps_the_account(shop: Client) -> None:
    body = {"prefix": "keep-", "count": 2}
    first = (await shop.admin("POST", "/admin/provision", body)).body["accounts"]
    second = (await shop.admin("POST", "/admin/provision", body)).body["accounts"]
    assert [a["account"] for a in first] == [a["account"] for a in second]
    assert first[0]["token"] != second[0]["token"]
    for made in (first[0], second[0]):
        seen = await shop.ask("GET", "/api/profile", token=made["token"])
        assert seen.body["name"] == "keep-0"


async def test_the_log_is_json_without_secrets(shop: Client) -> None:
    token = (await shop.provision())[0]
    reply = await shop.buy(token)
    log = shop.rung.layout.log("app1")
    await until(lambda: reply.headers["X-Request-ID"] in log.read_text())
    text = log.read_text()
    assert token not in text
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    mine = [x for x in lines if x["request"] == reply.headers["X-Request-ID"]]
    assert [(line["method"], line["status"]) for line in mine] == [("POST", 201)]
