"""Routes of the private listener: provisioning, audit, metrics. Never public.

They take the rung's admin token, which is in a file that only the operator can read.
"""

import hmac

from aiohttp import web

from central_baseline.db import accounts, audit
from central_baseline.web.bodies import query_integer, read_body
from central_baseline.web.documents import answer, order_document
from central_baseline.web.refusals import Refusal, malformed
from central_baseline.web.routes.buying import MAX_ID
from central_baseline.web.services import Services, services_of
from shop_contract.rules import Party

MAX_PROVISIONED = 5_000  # accounts made in one go
AUDIT_PAGE = 10_000
MAX_BODY = 1024 * 1024


def add_routes(router: web.UrlDispatcher) -> None:
    router.add_post("/admin/provision", provision)
    router.add_get("/admin/orders", all_orders)
    router.add_get("/admin/ledger", ledger)
    router.add_get("/metrics", metrics)


async def provision(request: web.Request) -> web.Response:
    """Accounts with a session each, without the cost of their passwords."""
    services = _operators(request)
    body = (await read_body(request, MAX_BODY)).only(
        ("prefix", "count", "roles", "delivery")
    )
    prefix, count = body.text("prefix", 48), body.integer("count")
    if not 1 <= count <= MAX_PROVISIONED:
        raise malformed(f"'count' must be between 1 and {MAX_PROVISIONED}")
    roles = body.texts("roles", len(Party)) if body.has("roles") else []
    for role in roles:
        if role not in {Party.OWNER, Party.MOULDER, Party.COURIER}:
            raise malformed(f"there is no role '{role[:40]}'")
    delivery = body.hex_bytes("delivery") if body.has("delivery") else None
    names = [f"{prefix}{number}" for number in range(count)]
    made = await accounts.provision(services.primary, names, roles, delivery)
    return answer(
        {
            "accounts": [
                {"account": str(number), "name": name, "token": token}
                for number, name, token in made
            ]
        }
    )


async def all_orders(request: web.Request) -> web.Response:
    """Orders of all buyers by number, with the number of retries of each."""
    services = _operators(request)
    after = query_integer(request, "after", 0, MAX_ID)
    limit = max(1, query_integer(request, "limit", AUDIT_PAGE, AUDIT_PAGE))
    page = await audit.page_of_orders(services.reads.primary, after, limit)
    return answer(
        {
            "orders": [
                {**order_document(stored), "replays": stored.replays} for stored in page
            ],
            "next_after": page[-1].id if len(page) == limit else None,
        }
    )


async def ledger(request: web.Request) -> web.Response:
    return answer(await audit.read_ledger(_operators(request).reads.primary))


async def metrics(request: web.Request) -> web.Response:
    text, content_type = services_of(request).metrics.text()
    return web.Response(body=text, headers={"Content-Type": content_type})


def _operators(request: web.Request) -> Services:
    services = services_of(request)
    sent = request.headers.get("Authorization", "")
    wanted = f"Bearer {services.settings.admin_token}"
    if not hmac.compare_digest(sent.encode(), wanted.encode()):
        raise Refusal(401, "not_signed_in", "send the rung's admin token")
    return services
