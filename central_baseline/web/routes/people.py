"""Routes about accounts: registering, sessions, profile, money owed."""

import re

from aiohttp import web

from central_baseline.db import accounts
from central_baseline.db.accounts import Account, NameTaken
from central_baseline.web import passwords
from central_baseline.web.bodies import read_body
from central_baseline.web.documents import account_document, answer, hex_of
from central_baseline.web.refusals import Refusal, malformed, shop_refusal
from central_baseline.web.services import reader_of, services_of
from central_baseline.web.sessions import COOKIE, csrf_token, set_cookie
from shop_contract.rules import Reason
from shop_contract.rules.orders import delivery_refusal

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{2,63}")
CREDENTIALS = ("name", "password")


def add_routes(router: web.UrlDispatcher) -> None:
    router.add_post("/api/accounts", register)
    router.add_post("/api/session", log_in)
    router.add_delete("/api/session", log_out)
    router.add_get("/api/profile", read_profile)
    router.add_put("/api/profile/delivery", change_delivery)
    router.add_get("/api/owed", read_owed)
    router.add_post("/api/withdraw", withdraw)


async def register(request: web.Request) -> web.Response:
    """A new customer, signed in at once."""
    services = services_of(request)
    body = (await read_body(request)).only(CREDENTIALS)
    name, password = body.text("name", 64), body.text("password", passwords.MAX_LENGTH)
    if not NAME.fullmatch(name):
        raise malformed("'name' must be 3 to 64 letters, digits, dots, '-' or '_'")
    if len(password) < passwords.MIN_LENGTH:
        raise malformed(f"'password' needs at least {passwords.MIN_LENGTH} characters")
    encoded = await services.passwords.hash(password)
    try:
        account = await accounts.register(services.primary, name, encoded)
    except NameTaken as error:
        raise Refusal(409, "name_taken", "choose another name") from error
    return await _signed_in(request, account, 201)


async def log_in(request: web.Request) -> web.Response:
    """A session for name and password; wrong ones are told apart from nothing."""
    services = services_of(request)
    body = (await read_body(request)).only(CREDENTIALS)
    name, password = body.text("name"), body.text("password", passwords.MAX_LENGTH)
    found = await accounts.by_name(services.reads.primary, name)
    account, encoded = found or (None, None)
    right = await services.passwords.matches(name, password, encoded)
    if not right or account is None:
        raise Refusal(401, "not_signed_in", "name or password is wrong")
    return await _signed_in(request, account, 200)


async def log_out(request: web.Request) -> web.Response:
    services = services_of(request)
    await services.sessions.account_of(request)
    await services.sessions.close(request)
    response = web.Response(status=204)
    response.del_cookie(COOKIE, path="/")
    return response


async def read_profile(request: web.Request) -> web.Response:
    services = services_of(request)
    account = await services.sessions.account_of(request)
    profile = await accounts.read_profile(reader_of(request, account.id), account.id)
    document = account_document(account)
    document["delivery"] = hex_of(profile.delivery) if profile.delivery else None
    document["version"] = profile.version
    return answer(document)


async def change_delivery(request: web.Request) -> web.Response:
    services = services_of(request)
    account = await services.sessions.account_of(request)
    body = (await read_body(request)).only(("delivery",))
    delivery = body.hex_bytes("delivery")
    refusal = delivery_refusal(delivery)
    if refusal is not None:
        raise shop_refusal(refusal)
    version = await accounts.change_delivery(services.primary, account.id, delivery)
    return answer({"version": version})


async def read_owed(request: web.Request) -> web.Response:
    services = services_of(request)
    account = await services.sessions.account_of(request)
    owed = await accounts.read_owed(reader_of(request, account.id), account)
    return answer({"amount": str(owed)})


async def withdraw(request: web.Request) -> web.Response:
    """Pay out what the shop owes the caller."""
    services = services_of(request)
    account = await services.sessions.account_of(request)
    amount = await accounts.withdraw(services.primary, account)
    if amount == 0:
        raise shop_refusal(Reason.NOTHING_OWED)
    return answer({"amount": str(amount)})


async def _signed_in(
    request: web.Request, account: Account, status: int
) -> web.Response:
    token = await services_of(request).sessions.open(account)
    document = account_document(account)
    document.update(token=token, csrf_token=csrf_token(token))
    response = answer(document, status)
    set_cookie(response, token)
    return response
