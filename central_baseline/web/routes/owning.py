"""Routes of who owns the shop: appointing staff, handing the shop over."""

from aiohttp import web

from central_baseline.db import accounts, ownership
from central_baseline.web.bodies import read_body
from central_baseline.web.documents import account_document, answer
from central_baseline.web.refusals import malformed, shop_refusal
from central_baseline.web.services import Services, services_of
from shop_contract.rules import Party, Reason, Rejected


def add_routes(router: web.UrlDispatcher) -> None:
    router.add_put("/api/roles", set_role)
    router.add_put("/api/ownership", offer_shop)
    router.add_post("/api/ownership/accept", accept_shop)


async def set_role(request: web.Request) -> web.Response:
    """Give an account a role at the bench or with the parcels, or take it away."""
    services = await owners_of(request)
    body = (await read_body(request)).only(("name", "role", "enabled"))
    name, role, enabled = body.text("name"), body.text("role"), body.boolean("enabled")
    if role not in {Party.MOULDER, Party.COURIER}:
        raise malformed("'role' must be moulder or courier")
    account = await accounts.change_role(services.primary, name, Party(role), enabled)
    if account is None:
        raise shop_refusal(Reason.INVALID_ACCOUNT)
    services.sessions.forget(account.id)
    return answer(account_document(account))


async def offer_shop(request: web.Request) -> web.Response:
    """Offer the shop to an account, which must accept; without a name: to nobody."""
    services = services_of(request)
    account = await services.sessions.account_of(request)
    body = (await read_body(request)).only(("name",))
    name = body.text("name") if body.has("name") else None
    refused = await ownership.offer_shop(services.primary, account, name)
    if refused is not None:
        raise shop_refusal(refused.reason)
    return answer({"offered_to": name})


async def accept_shop(request: web.Request) -> web.Response:
    """Take over the shop that was offered to the caller."""
    services = services_of(request)
    account = await services.sessions.account_of(request)
    accepted = await ownership.accept_shop(services.primary, account)
    if isinstance(accepted, Rejected):
        raise shop_refusal(accepted.reason)
    owner, former = accepted
    for number in (owner.id, former):
        services.sessions.forget(number)
    return answer(account_document(owner))


async def owners_of(request: web.Request) -> Services:
    """The services, to an owner only."""
    services = services_of(request)
    account = await services.sessions.account_of(request)
    if Party.OWNER not in account.roles:
        raise shop_refusal(Reason.NOT_AUTHORIZED)
    return services
