"""The shop changes hands over HTTP, in two steps."""

from tests.central_baseline.client import DESIGN, Client


async def name_of(shop: Client, token: str) -> str:
    return str((await shop.ask("GET", "/api/profile", token=token)).body["name"])


async def owed(shop: Client, token: str) -> int:
    return int((await shop.ask("GET", "/api/owed", token=token)).body["amount"])


async def test_who_takes_over_is_the_owner_and_the_till_stays_with_the_old_one(
    shop: Client,
) -> None:
    old = (await shop.provision(roles=["owner"]))[0]
    new, buyer = await shop.provision(2)
    staff = (await shop.provision(roles=["moulder", "courier"]))[0]
    order = f"/api/orders/{(await shop.buy(buyer)).body['id']}"
    for step in ("mould", "ship", "deliver"):
        done = await shop.ask("POST", f"{order}/{step}", token=staff)
        assert done.status == 200
    in_till = await owed(shop, old)
    assert in_till >= int(done.body["total"])

    offer = {"name": await name_of(shop, new)}
    assert (await shop.ask("PUT", "/api/ownership", offer, new)).status == 403
    offered = await shop.ask("PUT", "/api/ownership", offer, old)
    assert (offered.status, offered.body) == (200, {"offered_to": offer["name"]})
    for other in (buyer, old):
        refused = await shop.ask("POST", "/api/ownership/accept", token=other)
        assert (refused.status, refused.reason) == (403, "not_authorized")
    taken = await shop.ask("POST", "/api/ownership/accept", token=new)
    assert (taken.status, taken.body["roles"]) == (200, ["owner"])

    change = {"changes": [{"design": DESIGN, "change": 1}]}
    assert (await shop.ask("POST", "/api/stock", change, old)).status == 403
    assert (await shop.ask("POST", "/api/stock", change, new)).status == 200
    assert (await owed(shop, old), await owed(shop, new)) == (in_till, 0)
    assert (await shop.ask("POST", "/api/withdraw", token=old)).status == 200
    assert (await shop.admin("GET", "/admin/ledger")).body["conserved"] is True
    again = await shop.ask("POST", "/api/ownership/accept", token=new)
    assert again.status == 403


async def test_an_offer_can_be_withdrawn_and_needs_an_account(shop: Client) -> None:
    owner = (await shop.provision(roles=["owner"]))[0]
    heir = (await shop.provision())[0]
    offer = {"name": await name_of(shop, heir)}
    assert (await shop.ask("PUT", "/api/ownership", offer, owner)).status == 200
    withdrawn = await shop.ask("PUT", "/api/ownership", {"name": None}, owner)
    assert (withdrawn.status, withdrawn.body) == (200, {"offered_to": None})
    refused = await shop.ask("POST", "/api/ownership/accept", token=heir)
    assert refused.reason == "not_authorized"
    for nobody in ("nobody-at-all", "till"):
        unknown = await shop.ask("PUT", "/api/ownership", {"name": nobody}, owner)
        assert (unknown.status, unknown.reason) == (422, "invalid_account")


async def test_an_offer_ends_with_the_ownership_of_who_made_it(shop: Client) -> None:
    first = (await shop.provision(roles=["owner"], prefix="offering-"))[0]
    heir = (await shop.provision())[0]
    offer = {"name": await name_of(shop, heir)}
    assert (await shop.ask("PUT", "/api/ownership", offer, first)).status == 200
    await shop.provision(roles=[], prefix="offering-")
    refused = await shop.ask("POST", "/api/ownership/accept", token=heir)
    assert refused.reason == "not_authorized"
