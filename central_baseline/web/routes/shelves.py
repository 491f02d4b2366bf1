"""Routes of the catalogue: everybody reads, the owner changes."""

import orjson
from aiohttp import web

from central_baseline.db import catalogue
from central_baseline.web.bodies import read_body
from central_baseline.web.documents import (
    answer,
    catalogue_document,
    catalogue_from,
    sku_document,
)
from central_baseline.web.refusals import malformed, shop_refusal
from central_baseline.web.routes.owning import owners_of
from central_baseline.web.services import reader_of, services_of
from shop_contract.rules import Rejected, quote
from shop_contract.rules.catalogue import OptionKind

# What is read at all; the shop's rules say how many may change at once.
MAX_ENTRIES = 200
CATALOGUE = "catalogue"
# Stock changes with every sale, so it is let grow old for so long; prices and options
# are removed from the cache as they change.
CATALOGUE_TTL_S = 2.0


def add_routes(router: web.UrlDispatcher) -> None:
    router.add_get("/api/catalogue", read_catalogue)
    router.add_post("/api/quote", quote_design)
    router.add_post("/api/stock", change_stock)
    router.add_put("/api/prices", change_prices)
    router.add_post("/api/options", add_option)
    router.add_put("/api/paused", set_paused)


async def read_catalogue(request: web.Request) -> web.Response:
    """Options by name, and price and stock of every design."""
    return web.Response(body=await _shown(request), content_type="application/json")


async def quote_design(request: web.Request) -> web.Response:
    """What a design costs now; nothing is set aside."""
    body = (await read_body(request)).only(("design", "quantity", "maximum_price"))
    design, quantity = body.design(), body.integer("quantity")
    maximum = body.amount("maximum_price") if body.has("maximum_price") else None
    shown = catalogue_from(orjson.loads(await _shown(request)))
    quoted = quote(shown.sku(design), quantity, maximum)
    if isinstance(quoted, Rejected):
        raise shop_refusal(quoted.reason)
    return answer({"unit_price": str(quoted.unit_price), "total": str(quoted.total)})


async def _shown(request: web.Request) -> bytes:
    """The catalogue's document. Where it is cached, it is read from the primary (but in
    an election): the bound of a cached value then does not add to a replica's."""
    services = services_of(request)
    cached = services.settings.cache_address is not None
    source = services.reads.newest() if cached else reader_of(request)

    async def read() -> bytes:
        found, paused = await catalogue.read_catalogue(source)
        return orjson.dumps(catalogue_document(found, paused))

    return await services.cache.fetch(CATALOGUE, CATALOGUE_TTL_S, read)


async def change_stock(request: web.Request) -> web.Response:
    """Add to or take from stocks; changes are differences."""
    services = await owners_of(request)
    body = (await read_body(request)).only(("changes",))
    changes = [
        (entry.only(("design", "change")).design(), entry.integer("change"))
        for entry in body.objects("changes", MAX_ENTRIES)
    ]
    changed = await catalogue.change_stock(services.primary, changes)
    if isinstance(changed, Rejected):
        raise shop_refusal(changed.reason)
    await services.cache.forget(CATALOGUE)
    return answer({"skus": [sku_document(sku) for sku in changed]})


async def change_prices(request: web.Request) -> web.Response:
    services = await owners_of(request)
    body = (await read_body(request)).only(("prices",))
    prices = [
        (entry.only(("design", "price")).design(), entry.amount("price"))
        for entry in body.objects("prices", MAX_ENTRIES)
    ]
    version = await catalogue.change_prices(services.primary, prices)
    if isinstance(version, Rejected):
        raise shop_refusal(version.reason)
    await services.cache.forget(CATALOGUE)
    return answer({"version": version})


async def add_option(request: web.Request) -> web.Response:
    services = await owners_of(request)
    body = (await read_body(request)).only(("kind", "name"))
    try:
        kind = OptionKind(body.text("kind"))
    except ValueError as error:
        raise malformed(f"'kind' must be one of {', '.join(OptionKind)}") from error
    version = await catalogue.change_options(services.primary, kind, body.text("name"))
    if isinstance(version, Rejected):
        raise shop_refusal(version.reason)
    await services.cache.forget(CATALOGUE)
    return answer({"version": version})


async def set_paused(request: web.Request) -> web.Response:
    services = await owners_of(request)
    paused = (await read_body(request)).only(("paused",)).boolean("paused")
    await catalogue.set_paused(services.primary, paused)
    await services.cache.forget(CATALOGUE)
    return answer({"paused": paused})
