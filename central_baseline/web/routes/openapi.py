"""The web API as an OpenAPI 3.1 document, served at /openapi.json.

A test holds the document and the router together: each has exactly the other's routes.
"""

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from central_baseline.web.refusals import shop_refusal
from shop_contract.rules import Reason, Status
from shop_contract.rules.limits import MAX_BATCH, MAX_CHANGES, MAX_DELIVERY_BYTES

Schema = dict[str, Any]

AMOUNT: Schema = {"type": "string", "pattern": "^[0-9]{1,78}$"}
WHOLE: Schema = {"type": ["integer", "string"], "pattern": "^-?[0-9]{1,78}$"}
TEXT: Schema = {"type": "string"}
BYTES: Schema = {"type": "string", "pattern": "^0x([0-9a-fA-F]{2})*$"}
REFERENCE: Schema = {"type": "string", "pattern": "^0x[0-9a-fA-F]{64}$"}
DELIVERY: Schema = {**BYTES, "maxLength": 2 + 2 * MAX_DELIVERY_BYTES}


def _object(required: dict[str, Schema], **optional: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
        "additionalProperties": False,
    }


def _list(items: Schema, most: int | None = None) -> Schema:
    listed: Schema = {"type": "array", "items": items}
    return {**listed, "maxItems": most} if most else listed


def _named(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_SCHEMAS: dict[str, Schema] = {
    "Design": _object({"shape": WHOLE, "size": WHOLE, "scent": WHOLE}),
    "Sku": _object({"design": _named("Design"), "price": AMOUNT, "stock": WHOLE}),
    "Order": _object(
        {
            "id": WHOLE,
            "buyer": TEXT,
            "reference": REFERENCE,
            "design": _named("Design"),
            "quantity": WHOLE,
            "unit_price": AMOUNT,
            "total": AMOUNT,
            "catalogue_version": WHOLE,
            "placed_at_s": WHOLE,
            "status": {"type": "string", "enum": [status.value for status in Status]},
            "deadline_s": WHOLE,
        }
    ),
    "Page": _object(
        {"orders": _list(_named("Order"))},
        next_after={"type": ["integer", "null"]},
        next_before={"type": ["integer", "null"]},
    ),
    "SignedIn": _object(
        {
            "account": TEXT,
            "name": TEXT,
            "roles": _list(TEXT),
            "token": TEXT,
            "csrf_token": TEXT,
        }
    ),
    "Error": _object({"error": _object({"reason": TEXT, "message": TEXT})}),
}

_ORDER = _named("Order")
_CREDENTIALS = _object({"name": TEXT, "password": TEXT})
_VERSION = _object({"version": WHOLE})
_AMOUNT = _object({"amount": AMOUNT})
_SKU_PRICE = _object({"design": _named("Design"), "price": AMOUNT})
_SKU_CHANGE = _object({"design": _named("Design"), "change": WHOLE})
_WANTED: dict[str, Schema] = {
    "reference": REFERENCE,
    "design": _named("Design"),
    "quantity": WHOLE,
    "maximum_price": AMOUNT,
}
_PURCHASE = _object(_WANTED, payment=AMOUNT, delivery=DELIVERY)
_BATCH = _object(
    {"orders": _list(_object(_WANTED, delivery=DELIVERY), MAX_BATCH), "payment": AMOUNT}
)
_ACCOUNT = _object({"account": TEXT, "name": TEXT, "roles": _list(TEXT)})
_OFFER = {"type": ["string", "null"]}
_CATALOGUE = _object(
    {
        "version": WHOLE,
        "paused": {"type": "boolean"},
        "shapes": _list(TEXT),
        "sizes": _list(TEXT),
        "scents": _list(TEXT),
        "skus": _list(_named("Sku")),
    }
)
_PROFILE = _object(
    {"account": TEXT, "name": TEXT, "roles": _list(TEXT), "version": WHOLE},
    delivery={"type": ["string", "null"]},
)
_QUOTE = _object({"design": _named("Design"), "quantity": WHOLE}, maximum_price=AMOUNT)
_PAUSED = _object({"paused": {"type": "boolean"}})

# (method, path, what it does, body, answer, whether a session is needed)
_ROUTES: tuple[tuple[str, str, str, Schema | None, Schema | None, bool], ...] = (
    ("get", "/api/catalogue", "Options, prices, stock", None, _CATALOGUE, False),
    ("post", "/api/accounts", "Register", _CREDENTIALS, _named("SignedIn"), False),
    ("post", "/api/session", "Log in", _CREDENTIALS, _named("SignedIn"), False),
    ("delete", "/api/session", "Log out", None, None, True),
    ("post", "/api/quote", "Price a design", _QUOTE,
     _object({"unit_price": AMOUNT, "total": AMOUNT}), False),
    ("post", "/api/orders", "Place an order, or with payment purchase",
     _PURCHASE, _ORDER, True),
    ("post", "/api/batches", "Purchase several, all or none",
     _BATCH, _object({"orders": _list(_named("Order"))}), True),
    ("get", "/api/orders", "Own orders", None, _named("Page"), True),
    ("get", "/api/orders/{id}", "One order", None, _ORDER, True),
    ("get", "/api/orders/{id}/delivery", "Its sealed address (buyer, staff)", None,
     _object({"delivery": DELIVERY}), True),
    ("post", "/api/orders/{id}/pay", "Pay a placed order", _AMOUNT, _ORDER, True),
    ("post", "/api/orders/{id}/redirect", "Change where it goes",
     _object({"delivery": DELIVERY}), _ORDER, True),
    ("post", "/api/orders/{id}/{action}",
     "cancel, mould, ship, deliver, release, refund or expire", None, _ORDER, True),
    ("get", "/api/board", "Orders in one status, for staff", None,
     _named("Page"), True),
    ("get", "/api/profile", "Own profile", None, _PROFILE, True),
    ("put", "/api/profile/delivery", "Change the address",
     _object({"delivery": DELIVERY}), _VERSION, True),
    ("get", "/api/owed", "What the shop owes the caller", None, _AMOUNT, True),
    ("post", "/api/withdraw", "Pay it out", None, _AMOUNT, True),
    ("post", "/api/stock", "Change stocks (owner)",
     _object({"changes": _list(_SKU_CHANGE, MAX_CHANGES)}),
     _object({"skus": _list(_named("Sku"))}), True),
    ("put", "/api/prices", "Set prices (owner)",
     _object({"prices": _list(_SKU_PRICE, MAX_CHANGES)}), _VERSION, True),
    ("post", "/api/options", "Add an option (owner)",
     _object({"kind": TEXT, "name": TEXT}), _VERSION, True),
    ("put", "/api/roles", "Give or take a role (owner)",
     _object({"name": TEXT, "role": TEXT, "enabled": {"type": "boolean"}}),
     _ACCOUNT, True),
    ("put", "/api/ownership", "Offer the shop, or with null withdraw the offer (owner)",
     _object({}, name=_OFFER), _object({"offered_to": _OFFER}), True),
    ("post", "/api/ownership/accept", "Take over the shop that was offered",
     None, _ACCOUNT, True),
    ("put", "/api/paused", "Pause or resume sales (owner)", _PAUSED, _PAUSED, True),
    ("get", "/live", "The process answers", None, None, False),
    ("get", "/ready", "The database answers", None, None, False),
    ("get", "/health", "In rotation (404 while draining)", None, None, False),
    ("get", "/openapi.json", "This document", None, None, False),
)  # fmt: skip

_IDEMPOTENT = {("post", "/api/orders"), ("post", "/api/batches")}
_QUERIES = {
    "/api/orders": ("reference", "after", "before", "limit"),
    "/api/board": ("status", "after", "limit"),
}


@cache
def document() -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for route in _ROUTES:
        paths.setdefault(route[1], {})[route[0]] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "The candle shop, centralized",
            "version": _version(),
            "description": "Amounts are decimal strings, bytes 0x hex, times seconds.",
        },
        "paths": paths,
        "components": {
            "schemas": _SCHEMAS,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "session"},
            },
        },
    }


def _operation(
    route: tuple[str, str, str, Schema | None, Schema | None, bool],
) -> dict[str, Any]:
    method, path, summary, body, result, signed_in = route
    success = "201" if path == "/api/accounts" else "200" if result else "204"
    if not path.startswith("/api"):
        success = "200"
    done: dict[str, Any] = {"description": "done"}
    if result is not None:
        done["content"] = {"application/json": {"schema": result}}
    operation: dict[str, Any] = {
        "summary": summary,
        "parameters": _parameters(method, path),
        "responses": {success: done, "default": _REFUSED},
    }
    if (method, path) in _IDEMPOTENT:
        operation["responses"]["201"] = {**done, "description": "newly placed"}
        done["description"] = "the first answer to this reference, again"
    if body is not None:
        content = {"application/json": {"schema": body}}
        operation["requestBody"] = {"required": True, "content": content}
    if signed_in:
        operation["security"] = [{"bearer": []}, {"cookie": []}]
    return operation


def _parameters(method: str, path: str) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    inside = [
        {"name": name, "in": "path", "required": True, "schema": TEXT} for name in names
    ]
    queries = _QUERIES.get(path, ()) if method == "get" else ()
    return inside + [{"name": name, "in": "query", "schema": TEXT} for name in queries]


_REFUSED: dict[str, Any] = {
    "description": "refused; reasons of the shop: "
    + ", ".join(f"{reason.value} ({shop_refusal(reason).status})" for reason in Reason),
    "content": {"application/json": {"schema": _named("Error")}},
}


def _version() -> str:
    try:
        return version("chandlery")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0"
