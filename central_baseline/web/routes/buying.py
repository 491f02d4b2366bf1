"""Routes of buyers and of those who work on orders."""

from aiohttp import web

from central_baseline.db import orders
from central_baseline.db.accounts import Account
from central_baseline.shop.selling import StepWith, may_read
from central_baseline.web.bodies import (
    MAX_BATCH_BODY,
    Body,
    query_integer,
    read_body,
)
from central_baseline.web.documents import answer, hex_of, order_document, page_document
from central_baseline.web.refusals import Refusal, malformed, shop_refusal
from central_baseline.web.services import reader_of, services_of
from shop_contract.rules import (
    Action,
    OrderRequest,
    Party,
    Reason,
    Rejected,
    Status,
)
from shop_contract.rules.limits import MAX_BATCH

PAGE = 100
MAX_ID = 2**63 - 1
REPLAYED = "Idempotency-Replayed"
ORDER_FIELDS = (
    "reference",
    "design",
    "quantity",
    "maximum_price",
    "delivery",
)
# What is read at all; the shop's rules say how many one batch may have.
MAX_ENTRIES = 2 * MAX_BATCH
STEPS = {
    action.value: action
    for action in Action
    if action not in {Action.PAY, Action.REDIRECT}
}


def add_routes(router: web.UrlDispatcher) -> None:
    router.add_post("/api/orders", place_order)
    router.add_post("/api/batches", place_batch)
    router.add_get("/api/orders", own_orders)
    router.add_get("/api/orders/{id}", read_order)
    router.add_get("/api/orders/{id}/delivery", read_delivery)
    router.add_post("/api/orders/{id}/pay", pay_order)
    router.add_post("/api/orders/{id}/redirect", redirect_order)
    router.add_post("/api/orders/{id}/{action}", step_order)
    router.add_get("/api/board", read_board)


async def place_order(request: web.Request) -> web.Response:
    """Place an order; with `payment`, the whole purchase in one transaction."""
    services = services_of(request)
    account = await services.sessions.account_of(request)
    body = (await read_body(request)).only((*ORDER_FIELDS, "payment"))
    wanted = _wanted(body)
    payment = body.amount("payment") if body.has("payment") else None
    sold = await services.seller.sell(account, wanted, payment)
    if isinstance(sold, Rejected):
        raise shop_refusal(sold.reason)
    services.metrics.orders.labels("again" if sold.replayed else "new").inc()
    response = answer(order_document(sold.stored, sold.order))
    if sold.replayed:
        response.headers[REPLAYED] = "true"
    else:
        response.set_status(201)
        response.headers["Location"] = f"/api/orders/{sold.stored.id}"
    return response


async def place_batch(request: web.Request) -> web.Response:
    """Place and pay several orders in one transaction, all or none."""
    services = services_of(request)
    account = await services.sessions.account_of(request)
    body = (await read_body(request, MAX_BATCH_BODY)).only(("orders", "payment"))
    entries = body.objects("orders", MAX_ENTRIES)
    wanted = [_wanted(entry.only(ORDER_FIELDS)) for entry in entries]
    sold = await services.seller.sell_batch(account, wanted, body.amount("payment"))
    if isinstance(sold, Rejected):
        raise shop_refusal(sold.reason)
    replayed = any(each.replayed for each in sold)
    word = "again" if replayed else "new"
    services.metrics.orders.labels(word).inc(len(sold))
    documents = [order_document(each.stored, each.order) for each in sold]
    response = answer({"orders": documents}, 200 if replayed else 201)
    if replayed:
        response.headers[REPLAYED] = "true"
    return response


async def own_orders(request: web.Request) -> web.Response:
    """The caller's orders, all by page or the one with a reference."""
    services = services_of(request)
    account = await services.sessions.account_of(request)
    reader = reader_of(request, account.id)
    if "reference" in request.query:
        reference = Body(dict(request.query), "the query").hex_bytes("reference")
        found = await orders.by_reference(reader, account.id, reference)
        return answer({"orders": [order_document(stored) for stored in found]})
    limit = max(1, query_integer(request, "limit", PAGE, PAGE))
    if "before" in request.query:
        before = query_integer(request, "before", MAX_ID, MAX_ID)
        page = await orders.page_backwards(reader, account.id, before, limit)
        return answer(page_document(page, limit, "next_before"))
    after = query_integer(request, "after", 0, MAX_ID)
    page = await orders.page_of_account(reader, account.id, after, limit)
    return answer(page_document(page, limit))


async def read_order(request: web.Request) -> web.Response:
    """One order as it is now, to its buyer and to those who work on it."""
    services = services_of(request)
    account = await services.sessions.account_of(request)
    reader = reader_of(request, account.id)
    found = await orders.by_id(reader, _order_id(request))
    if found is None:
        raise shop_refusal(Reason.UNKNOWN_ORDER)
    if not may_read(account, found[0].order):
        raise shop_refusal(Reason.NOT_YOUR_ORDER)
    return answer(order_document(found[0]))


async def read_delivery(request: web.Request) -> web.Response:
    """The sealed address an order goes to, its own or the profile's."""
    services = services_of(request)
    account = await services.sessions.account_of(request)
    reader = reader_of(request, account.id)
    found = await orders.by_id(reader, _order_id(request))
    if found is None:
        raise shop_refusal(Reason.UNKNOWN_ORDER)
    if not may_read(account, found[0].order):
        raise shop_refusal(Reason.NOT_YOUR_ORDER)
    envelope = await orders.delivery_of(reader, found[0].id)
    return answer({"delivery": hex_of(envelope)})


async def pay_order(request: web.Request) -> web.Response:
    account = await services_of(request).sessions.account_of(request)
    body = (await read_body(request)).only(("amount",))
    brought = StepWith(amount=body.amount("amount"))
    return await _step(request, account, Action.PAY, brought)


async def redirect_order(request: web.Request) -> web.Response:
    account = await services_of(request).sessions.account_of(request)
    body = (await read_body(request)).only(("delivery",))
    brought = StepWith(delivery=body.hex_bytes("delivery"))
    return await _step(request, account, Action.REDIRECT, brought)


async def step_order(request: web.Request) -> web.Response:
    account = await services_of(request).sessions.account_of(request)
    action = STEPS.get(request.match_info["action"])
    if action is None:
        known = ", ".join(sorted(STEPS))
        raise Refusal(404, "no_such_page", f"no such step; there are {known}")
    return await _step(request, account, action)


async def read_board(request: web.Request) -> web.Response:
    """Orders of all buyers in one status, for owner, moulder and courier."""
    services = services_of(request)
    account = await services.sessions.account_of(request)
    reader = reader_of(request, account.id)
    if not account.roles & {Party.OWNER, Party.MOULDER, Party.COURIER}:
        raise shop_refusal(Reason.NOT_AUTHORIZED)
    try:
        status = Status(request.query.get("status", Status.PAID))
    except ValueError as error:
        raise malformed(f"'status' must be one of {', '.join(Status)}") from error
    after = query_integer(request, "after", 0, MAX_ID)
    limit = max(1, query_integer(request, "limit", PAGE, PAGE))
    page = await orders.page_of_status(reader, status, after, limit)
    return answer(page_document(page, limit))


def _wanted(body: Body) -> OrderRequest:
    return OrderRequest(
        design=body.design(),
        quantity=body.integer("quantity"),
        maximum_price=body.amount("maximum_price"),
        reference=body.hex_bytes("reference"),
        delivery=body.hex_bytes("delivery") if body.has("delivery") else b"",
    )


async def _step(
    request: web.Request,
    account: Account,
    action: Action,
    brought: StepWith | None = None,
) -> web.Response:
    seller = services_of(request).seller
    stored = await seller.step(account, _order_id(request), action, brought)
    if isinstance(stored, Rejected):
        raise shop_refusal(stored.reason)
    return answer(order_document(stored))


def _order_id(request: web.Request) -> int:
    text = request.match_info["id"]
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        raise malformed("an order's id is a whole number")
    return min(int(text), MAX_ID)
