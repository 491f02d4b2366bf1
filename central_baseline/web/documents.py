"""Answers: the shop's records as JSON. Amounts are strings, bytes are 0x hex."""

from typing import Any

import orjson
from aiohttp import web

from central_baseline.db.accounts import Account
from central_baseline.db.orders import StoredOrder
from shop_contract.rules import Catalogue, Design, Order, Sku

_JSON = {"Content-Type": "application/json"}


def answer(document: object, status: int = 200) -> web.Response:
    """A JSON response."""
    # Headers that are complete save aiohttp from putting them together.
    return web.Response(body=orjson.dumps(document), status=status, headers=_JSON)


def order_document(stored: StoredOrder, order: Order | None = None) -> dict[str, Any]:
    """An order as it is now, or as `order` has it (the first answer)."""
    shown = order or stored.order
    return {
        "id": stored.id,
        "buyer": shown.buyer,
        "reference": hex_of(shown.reference),
        "design": design_document(shown.design),
        "quantity": shown.quantity,
        "unit_price": str(shown.unit_price),
        "total": str(shown.total),
        "catalogue_version": shown.catalogue_version,
        "placed_at_s": shown.placed_at_s,
        "status": shown.status.value,
        "deadline_s": shown.deadline_s,
    }


def page_document(
    orders: list[StoredOrder], limit: int, next_name: str = "next_after"
) -> dict[str, Any]:
    """A page of orders, and where the next one starts: null when this is the last."""
    return {
        "orders": [order_document(stored) for stored in orders],
        next_name: orders[-1].id if orders and len(orders) == limit else None,
    }


def design_document(design: Design) -> dict[str, int]:
    return {"shape": design.shape, "size": design.size, "scent": design.scent}


def sku_document(sku: Sku) -> dict[str, Any]:
    return {
        "design": design_document(sku.design),
        "price": str(sku.price),
        "stock": sku.stock,
    }


def catalogue_document(catalogue: Catalogue, paused: bool) -> dict[str, Any]:
    return {
        "version": catalogue.version,
        "paused": paused,
        "shapes": catalogue.shapes,
        "sizes": catalogue.sizes,
        "scents": catalogue.scents,
        "skus": [sku_document(sku) for sku in catalogue.skus.values()],
    }


def catalogue_from(document: dict[str, Any]) -> Catalogue:
    """The catalogue that `catalogue_document` showed."""
    skus = {}
    for entry in document["skus"]:
        design = Design(**entry["design"])
        skus[design] = Sku(design, int(entry["price"]), entry["stock"])
    return Catalogue(
        tuple(document["shapes"]),
        tuple(document["sizes"]),
        tuple(document["scents"]),
        document["version"],
        skus,
    )


def account_document(account: Account) -> dict[str, Any]:
    return {
        "account": str(account.id),
        "name": account.name,
        "roles": sorted(account.roles),
    }


def hex_of(data: bytes) -> str:
    return "0x" + data.hex()
