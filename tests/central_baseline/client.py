"""A shopper's and an operator's client for the tests: plain requests, plain answers."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from central_baseline.config import Layout
from central_baseline.supervisor.control import ask

DESIGN = {"shape": 0, "size": 0, "scent": 0}
ANSWER_TIMEOUT_S = 30


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: Any
    headers: Mapping[str, str]  # names in any case: a balancer may change it

    @property
    def reason(self) -> str:
        return str(self.body["error"]["reason"])


@dataclass(frozen=True)
class UpRung:
    """A rung that is up, as others see it."""

    name: str
    folder: Path

    @property
    def layout(self) -> Layout:
        return Layout(self.folder)

    @property
    def descriptor(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.layout.descriptor.read_text())
        return found

    @property
    def admin(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.layout.admin.read_text())
        return found

    @property
    def url(self) -> str:
        return str(self.descriptor["endpoints"][0]["url"])

    async def control(self, op: str, **fields: Any) -> Any:
        return await ask(Path(self.descriptor["control"]), op, **fields)

    async def component(self, name: str) -> dict[str, Any]:
        listing = await self.control("list")
        found = [entry for entry in listing["components"] if entry["name"] == name]
        return dict(found[0])

    async def until(self, name: str, state: str, restarts: int = 0) -> dict[str, Any]:
        """Wait for a component to reach a state (and so many restarts)."""
        async with asyncio.timeout(60):
            while True:
                entry = await self.component(name)
                if entry["state"] == state and entry["restarts"] >= restarts:
                    return entry
                await asyncio.sleep(0.05)


class Client:
    """Requests to one rung."""

    def __init__(self, rung: UpRung, http: aiohttp.ClientSession) -> None:
        self.rung = rung
        self.http = http
        self.url = rung.url

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        token: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request to the public address (or to a whole URL)."""
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        url = path if path.startswith("http") else self.url + path
        async with self.http.request(method, url, json=body, headers=sent) as response:
            text = await response.read()
            is_json = response.content_type == "application/json"
            document = json.loads(text) if text and is_json else text
            return Answer(response.status, document, response.headers)

    async def admin(self, method: str, path: str, body: Any = None) -> Answer:
        """One request to the private address."""
        known = self.rung.admin
        return await self.ask(method, known["urls"][0] + path, body, known["token"])

    async def provision(
        self, count: int = 1, roles: list[str] | None = None, prefix: str | None = None
    ) -> list[str]:
        """Tokens of fresh accounts with an address in their profile."""
        name = prefix or f"t{os.urandom(4).hex()}-"
        body = {"prefix": name, "count": count, "delivery": "0x0a"}
        reply = await self.admin(
            "POST", "/admin/provision", {**body, "roles": roles or []}
        )
        assert reply.status == 200, reply
        return [account["token"] for account in reply.body["accounts"]]

    async def price(self, design: dict[str, int] | None = None) -> int:
        """What one candle costs now."""
        body = {"design": design or DESIGN, "quantity": 1}
        reply = await self.ask("POST", "/api/quote", body)
        return int(reply.body["unit_price"])

    async def buy(
        self, token: str, reference: str | None = None, **changes: Any
    ) -> Answer:
        """A purchase of one candle, or as changed."""
        price = changes.pop("price", None) or await self.price()
        body = {
            "reference": reference or fresh_reference(),
            "design": DESIGN,
            "quantity": 1,
            "maximum_price": str(price),
            "payment": str(price * changes.get("quantity", 1)),
            **changes,
        }
        return await self.ask("POST", "/api/orders", body, token)

    async def all_orders(self) -> list[dict[str, Any]]:
        """Every order that the audit shows."""
        found: list[dict[str, Any]] = []
        after: int | None = 0
        while after is not None:
            reply = await self.admin("GET", f"/admin/orders?after={after}")
            found += reply.body["orders"]
            after = reply.body["next_after"]
        return found


def fresh_reference() -> str:
    return "0x" + os.urandom(32).hex()


@asynccontextmanager
async def client_of(rung: UpRung) -> AsyncIterator[Client]:
    """A client with a connection pool of its own and no cookies."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S)
    async with aiohttp.ClientSession(
        timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
    ) as http:
        yield Client(rung, http)
