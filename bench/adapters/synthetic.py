"""The adapter of the synthetic target: the smallest one there can be."""

import secrets
from collections.abc import Sequence
from typing import Any

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
from bench.descriptor import Descriptor
from bench.workload.plan import Session


class SyntheticAdapter:
    """Speaks the synthetic shop's few routes."""

    reads = "server"

    def __init__(self, descriptor: Descriptor, client: str) -> None:
        urls = [endpoint.url for endpoint in descriptor.endpoints]
        self._http = HttpClient(urls, client)
        self._prefix = f"shopper-{secrets.token_hex(4)}-"
        self._customers: dict[str, int] = {}

    async def open(self) -> None:
        """Connect."""
        await self._http.open()

    async def close(self) -> None:
        """Close connections."""
        await self._http.close()

    async def catalogue(self) -> Sequence[Design]:
        """A row of equal candles."""
        body = (await self._http.request("GET", "/catalogue")).body
        return [Design(0, 0, n, body["price"]) for n in range(body["designs"])]

    async def provision(
        self, plan: Sequence[Session], customers: int, progress: Progress
    ) -> dict[str, float]:
        """Names: an audit knows by them whose order it reads."""
        self._customers = {f"{self._prefix}{n}": n for n in range(customers)}
        return {}

    def accounts(self) -> dict[str, int]:
        """Customers by name."""
        return dict(self._customers)

    def adopt(self, accounts: dict[str, int]) -> None:
        """Customers of other clients."""
        self._customers = dict(accounts)

    async def perform(self, operation: Operation) -> Answer:
        """One attempt at one operation."""
        is_write = operation.step.operation in ("place_order", "change_address")
        try:
            reply = await self._request(operation)
        except Broken as broken:
            return broken.answer(is_write)
        if reply.status >= 300:
            return Answer(Outcome.FAILED, error=reply.reason)
        if operation.step.operation == "place_order":
            body = reply.body
            return Answer(Outcome.OK, order=body["id"], amount=body["amount"])
        return Answer(Outcome.OK)

    async def _request(self, operation: Operation) -> Reply:
        step = operation.step
        match step.operation:
            case "browse":
                return await self._http.request("GET", "/catalogue")
            case "place_order":
                body = {
                    "reference": step.reference,
                    "customer": f"{self._prefix}{operation.session.customer}",
                    "quantity": step.quantity,
                }
                return await self._http.request("POST", "/orders", body)
            case "track":
                return await self._http.request("GET", f"/orders/{operation.order}")
            case "read_profile":
                return await self._http.request("GET", "/profile")
            case _:
                return await self._http.request("PUT", "/profile", {})

    async def audit(self) -> Audit:
        """Read every order back."""
        body = (await self._http.request("GET", "/audit")).body
        orders = tuple(
            OrderFact(
                order=order["id"],
                reference=order["reference"],
                customer=self._customers.get(order["customer"], -1),
                status=order["status"],
                amount=order["amount"],
                quantity=order["quantity"],
            )
            for order in body["orders"]
        )
        return Audit(orders, held=None, stock_taken=None, stock_lowest=None)

    def observations(self) -> list[dict[str, Any]]:
        """Nothing beyond the operations."""
        return []
