"""The adapter of the centralized rungs: the shop's web API, as a browser would use it.

An order is placed and paid in one purchase under the session's own reference, which is
also its idempotency key, so a retry is answered with the first order. Acknowledged is
what the rung's durability says. Accounts are provisioned before the load and stay
signed in; the price of a password hash is no part of any latency. Where a rung has
edges, customers live in regions and find the nearest edge by name.

A rung that runs elsewhere may hold orders of others: accounts are new ones in every
trial, and the audit leaves out what was there before.
"""

import asyncio
import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.adapters.contract import (
    Answer,
    Audit,
    Design,
    Operation,
    OrderFact,
    Outcome,
    Progress,
)
from bench.adapters.http import Broken, HttpClient, Reply
from bench.adapters.names import Names
from bench.descriptor import Descriptor
from bench.errors import BenchError
from bench.scenario.model import WRITES
from bench.workload.delivery import sealed_address
from bench.workload.plan import Session

PROVISION_PAGE = 1_000
AUDIT_PAGE = 5_000
# From `cached` up a catalogue is at most 2 s old.
CATALOGUE_AGE_S = 2.5
# Refusals after which nothing was done and the same request may be sent again.
NOTHING_DONE = {"overloaded", "database_unavailable", "too_many_attempts"}
# A gateway that got no answer from behind: it may have been done.
GATEWAY_STATUSES = {502, 504}


class CentralAdapter:
    """A client of one rung."""

    reads = "server"

    def __init__(self, descriptor: Descriptor, folder: Path, client: str) -> None:
        urls = [endpoint.url for endpoint in descriptor.endpoints]
        self._http = HttpClient(urls, client)
        self._admin = _read_admin(folder)
        self._tokens: list[dict[str, str]] = []
        self._customers: dict[str, int] = {}
        self._designs: list[Design] = []
        self._is_cached = descriptor.component_with(("cache",)) is not None
        self._names = _names_of(self._admin, descriptor)
        self._prefix = f"shopper-{secrets.token_hex(4)}-"
        self._stock_before = 0
        self._orders_before = 0
        self._escrow_before = 0

    async def open(self) -> None:
        """Connect; what the rung holds already is noted for the audit."""
        await self._http.open()
        before = await self._orders_after(0)
        self._orders_before = int(before[-1]["id"]) if before else 0
        ledger = _body(await self._as_admin("GET", "/admin/ledger"))
        self._escrow_before = int(ledger["escrow"])

    async def close(self) -> None:
        """Close connections."""
        await self._http.close()

    async def catalogue(self) -> Sequence[Design]:
        """What is on sale; the stock at this moment is kept for the audit."""
        body = await self._settled_catalogue()
        self._designs = sorted(
            (
                Design(**sku["design"], price=int(sku["price"]))
                for sku in body["skus"]
                if int(sku["price"]) > 0
            ),
            key=lambda design: (design.shape, design.size, design.scent),
        )
        self._stock_before, _ = _stock(body)
        return self._designs

    async def provision(
        self, plan: Sequence[Session], customers: int, progress: Progress
    ) -> dict[str, float]:
        """Accounts with a delivery address, signed in."""
        for first in range(0, customers, PROVISION_PAGE):
            count = min(PROVISION_PAGE, customers - first)
            body = {
                "prefix": f"{self._prefix}{first}-",
                "count": count,
                "delivery": "0x" + sealed_address(first, 0).hex(),
            }
            reply = await self._as_admin("POST", "/admin/provision", body)
            for account in _body(reply)["accounts"]:
                self._customers[account["account"]] = len(self._tokens)
                self._tokens.append({"Authorization": f"Bearer {account['token']}"})
            progress(f"provisioned {len(self._tokens)} of {customers} accounts")
        return {"accounts": float(customers)}

    def accounts(self) -> dict[str, int]:
        """Customers by account number."""
        return dict(self._customers)

    def adopt(self, accounts: dict[str, int]) -> None:
        """Customers whom other clients signed in."""
        self._customers = dict(accounts)

    async def perform(self, operation: Operation) -> Answer:
        """One attempt at one operation."""
        is_write = operation.step.operation in WRITES
        try:
            reply = await self._request(operation)
        except Broken as broken:
            return broken.answer(is_write)
        if reply.status < 300 and reply.body is not None:
            return _ok(operation, reply)
        return _refused(reply, is_write)

    async def _request(self, operation: Operation) -> Reply:
        step = operation.step
        me = self._tokens[operation.session.customer]
        at = ""
        if self._names is not None:
            at = await self._names.base_url(operation.session.customer) or ""
        match step.operation:
            case "browse":
                return await self._http.request("GET", f"{at}/api/catalogue")
            case "place_order":
                return await self._http.request(
                    "POST", f"{at}/api/orders", self._purchase(operation), me
                )
            case "track":
                path = f"{at}/api/orders/{operation.order}"
                return await self._http.request("GET", path, headers=me)
            case "read_profile":
                return await self._http.request("GET", f"{at}/api/profile", headers=me)
            case _:
                session, position = operation.session, operation.position
                delivery = sealed_address(session.number, position + 1)
                body = {"delivery": "0x" + delivery.hex()}
                path = f"{at}/api/profile/delivery"
                return await self._http.request("PUT", path, body, me)

    def _purchase(self, operation: Operation) -> dict[str, Any]:
        step = operation.step
        design = self._designs[step.design]
        return {
            "reference": "0x" + step.reference,
            "design": {
                "shape": design.shape,
                "size": design.size,
                "scent": design.scent,
            },
            "quantity": step.quantity,
            "maximum_price": str(design.price),
            "payment": str(design.price * step.quantity),
        }

    async def audit(self) -> Audit:
        """Every order from the primary, the ledger's escrow, and the stock."""
        rows = await self._orders_after(self._orders_before)
        orders = [self._fact(order) for order in rows]
        ledger = _body(await self._as_admin("GET", "/admin/ledger"))
        stock, lowest = _stock(await self._settled_catalogue())
        return Audit(
            tuple(orders),
            held=int(ledger["escrow"]) - self._escrow_before,
            stock_taken=self._stock_before - stock,
            stock_lowest=lowest,
        )

    async def _settled_catalogue(self) -> Any:
        """The catalogue as it is, not as a cache remembers it: where there is one, its
        copy is left to grow too old first."""
        if self._is_cached:
            await asyncio.sleep(CATALOGUE_AGE_S)
        return _body(await self._http.request("GET", "/api/catalogue"))

    async def _orders_after(self, number: int) -> list[dict[str, Any]]:
        """The orders with a higher number, by number."""
        rows: list[dict[str, Any]] = []
        after: int | None = number
        while after is not None:
            path = f"/admin/orders?after={after}&limit={AUDIT_PAGE}"
            page = _body(await self._as_admin("GET", path))
            rows += page["orders"]
            after = page["next_after"]
        return rows

    def observations(self) -> list[dict[str, Any]]:
        """Nothing beyond the operations."""
        return []

    def _fact(self, order: dict[str, Any]) -> OrderFact:
        return OrderFact(
            order=str(order["id"]),
            reference=str(order["reference"]).removeprefix("0x"),
            customer=self._customers.get(str(order["buyer"]), -1),
            status=order["status"],
            amount=int(order["total"]),
            quantity=order["quantity"],
        )

    async def _as_admin(self, method: str, path: str, body: object = None) -> Reply:
        """A request to the first private address that answers."""
        headers = {"Authorization": f"Bearer {self._admin['token']}"}
        broken: Broken | None = None
        for url in self._admin["urls"]:
            try:
                return await self._http.request(method, url + path, body, headers)
            except Broken as problem:
                broken = problem
        raise BenchError(f"no private address of the rung answers: {broken}")


def _ok(operation: Operation, reply: Reply) -> Answer:
    if operation.step.operation != "place_order":
        return Answer(Outcome.OK)
    body = reply.body
    return Answer(Outcome.OK, order=str(body["id"]), amount=int(body["total"]))


def _refused(reply: Reply, is_write: bool) -> Answer:
    """Whether a refusal had an effect, and whether asking again makes sense."""
    reason = reply.reason
    if reason == "outcome_unknown" or reply.status in GATEWAY_STATUSES:
        outcome = Outcome.UNKNOWN if is_write else Outcome.FAILED
        return Answer(outcome, retryable=True, error=reason)
    # 503 without a reason is the balancer's: there was no server to ask.
    again = reason in NOTHING_DONE or reply.status == 503
    unclear = reply.status >= 500 and not again
    outcome = Outcome.UNKNOWN if is_write and unclear else Outcome.FAILED
    return Answer(outcome, retryable=again or unclear, error=reason)


def _body(reply: Reply) -> Any:
    if reply.status >= 300 or reply.body is None:
        raise BenchError(f"the rung refused: {reply.reason}")
    return reply.body


def _stock(catalogue: dict[str, Any]) -> tuple[int, int]:
    """All candles on the shelf, and the smallest stock of any design."""
    stocks = [int(sku["stock"]) for sku in catalogue["skus"]]
    return sum(stocks), min(stocks, default=0)


def _names_of(admin: dict[str, Any], descriptor: Descriptor) -> Names | None:
    """The resolver of a rung with edges; None for one without."""
    if not admin["dns"]:
        return None
    port = urlsplit(descriptor.endpoints[0].url).port
    return Names(admin["dns"], port or 80)


def _read_admin(folder: Path) -> dict[str, Any]:
    path = folder / "admin.json"
    try:
        data = json.loads(path.read_text())
        return {
            "token": str(data["token"]),
            "urls": list(data["urls"]),
            "dns": data.get("dns"),
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BenchError(
            f"{path}: {error!r}; a rung writes it for those who provision and audit"
        ) from None
