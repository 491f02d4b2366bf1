"""The web API as a shop to be asked the shared vectors' questions.

Everything goes through HTTP, but for two things no shopper can do: emptying the shop
before a vector, and letting time pass; those are done in the database.
"""

import json
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPMessage
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from central_baseline.config import Layout
from central_baseline.servers.postgres import SUPERUSER
from shop_contract.conformance import Ability, Handle, OrderView
from shop_contract.rules import (
    Action,
    Design,
    OrderRequest,
    Party,
    Reason,
    Rejected,
    Sku,
    Status,
)
from shop_contract.rules.catalogue import OptionKind
from tests.central_baseline.client import UpRung

EMPTY = """
UPDATE shop_state SET offered_by = NULL, offered_to = NULL;
DELETE FROM orders; DELETE FROM events; DELETE FROM withdrawals; DELETE FROM sessions;
DELETE FROM accounts; DELETE FROM skus; DELETE FROM options;
INSERT INTO accounts (name) VALUES ('till');
UPDATE shop_state SET catalogue_version = 0, paused = false,
    frozen_at_s = floor(extract(epoch FROM now()));
"""


class WebShop:
    """A ShopAdapter over HTTP."""

    abilities = frozenset(Ability)

    def __init__(self, rung: UpRung, run: Any) -> None:
        """`run` executes a coroutine to its end."""
        self._admin = rung.admin
        self._public = _Http(rung.url)
        self._private = _Http(self._admin["urls"][0])
        self._run = run
        self._tokens: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._dsn = superuser_dsn(rung.layout, self._admin["dsn"])
        self._sql(EMPTY)

    def place(
        self, buyer: str, request: OrderRequest, payment: int
    ) -> Handle | Rejected:
        return self._place(buyer, request, {"payment": str(payment)})

    def place_unpaid(self, buyer: str, request: OrderRequest) -> Handle | Rejected:
        return self._place(buyer, request, {})

    def place_batch(
        self, buyer: str, requests: Sequence[OrderRequest], payment: int
    ) -> list[Handle] | Rejected:
        entries = [_order(request) for request in requests]
        body = {"orders": entries, "payment": str(payment)}
        answer = self._ask(buyer, "POST", "/api/batches", body)
        if isinstance(answer, Rejected):
            return answer
        if answer.get("replayed"):
            return Rejected(Reason.ALREADY_PLACED)
        return [int(order["id"]) for order in answer["orders"]]

    def pay(self, buyer: str, order: Handle, amount: int) -> Rejected | None:
        return self._do(
            buyer, "POST", f"/api/orders/{order}/pay", {"amount": str(amount)}
        )

    def redirect(self, account: str, order: Handle, delivery: bytes) -> Rejected | None:
        body = {"delivery": "0x" + delivery.hex()}
        return self._do(account, "POST", f"/api/orders/{order}/redirect", body)

    def set_profile(self, account: str, delivery: bytes) -> Rejected | None:
        body = {"delivery": "0x" + delivery.hex()}
        return self._do(account, "PUT", "/api/profile/delivery", body)

    def withdraw(self, account: str) -> int | Rejected:
        answer = self._ask(account, "POST", "/api/withdraw")
        return answer if isinstance(answer, Rejected) else int(answer["amount"])

    def act(self, account: str, action: Action, order: Handle) -> Rejected | None:
        return self._do(account, "POST", f"/api/orders/{order}/{action.value}")

    def add_option(self, account: str, kind: OptionKind, name: str) -> Rejected | None:
        body = {"kind": kind.value, "name": name}
        return self._do(account, "POST", "/api/options", body)

    def set_prices(
        self, account: str, prices: Sequence[tuple[Design, int]]
    ) -> Rejected | None:
        entries = [{"design": _design(d), "price": str(p)} for d, p in prices]
        return self._do(account, "PUT", "/api/prices", {"prices": entries})

    def adjust_stock(
        self, account: str, changes: Sequence[tuple[Design, int]]
    ) -> Rejected | None:
        entries = [{"design": _design(d), "change": str(c)} for d, c in changes]
        return self._do(account, "POST", "/api/stock", {"changes": entries})

    def set_paused(self, account: str, paused: bool) -> Rejected | None:
        return self._do(account, "PUT", "/api/paused", {"paused": paused})

    def set_role(
        self, account: str, party: Party, holder: str, enabled: bool
    ) -> Rejected | None:
        self._token(holder)
        body = {"name": self._names[holder], "role": party.value, "enabled": enabled}
        return self._do(account, "PUT", "/api/roles", body)

    def transfer_ownership(self, account: str, new_owner: str) -> Rejected | None:
        self._token(new_owner)
        body = {"name": self._names[new_owner]}
        return self._do(account, "PUT", "/api/ownership", body)

    def accept_ownership(self, account: str) -> Rejected | None:
        return self._do(account, "POST", "/api/ownership/accept")

    def order(self, order: Handle) -> OrderView:
        # As the auditor: who owns the shop may change.
        [seen] = self._audit(f"/admin/orders?after={int(order) - 1}&limit=1")["orders"]
        design = seen["design"]
        return OrderView(
            status=Status(seen["status"]),
            buyer=seen["buyer"],
            design=Design(design["shape"], design["size"], design["scent"]),
            quantity=seen["quantity"],
            total=int(seen["total"]),
            catalogue_version=seen["catalogue_version"],
            deadline_s=seen["deadline_s"],
        )

    def sku(self, design: Design) -> Sku | None:
        shown = self._ask(None, "GET", "/api/catalogue")
        known = (
            design.shape < len(shown["shapes"])
            and design.size < len(shown["sizes"])
            and design.scent < len(shown["scents"])
        )
        for entry in shown["skus"]:
            if entry["design"] == _design(design):
                return Sku(design, int(entry["price"]), entry["stock"])
        return Sku(design, 0, 0) if known else None

    def catalogue_version(self) -> int:
        return int(self._ask(None, "GET", "/api/catalogue")["version"])

    def owed(self, account: str) -> int:
        return int(self._ask(account, "GET", "/api/owed")["amount"])

    def escrowed(self) -> int:
        return int(self._audit("/admin/ledger")["escrow"])

    def unknown_order(self) -> Handle:
        return 2**40

    def now_s(self) -> int:
        return int(self._sql("SELECT shop_now() AS now")[0]["now"])

    def wait(self, seconds: int) -> None:
        self._sql(f"UPDATE shop_state SET frozen_at_s = frozen_at_s + {seconds}")

    def close(self) -> None:
        self._public.close()
        self._private.close()

    def books_balance(self) -> bool:
        return bool(self._audit("/admin/ledger")["conserved"])

    def _audit(self, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self._admin['token']}"}
        return self._private.ask("GET", path, None, headers)[1]

    def _place(
        self, buyer: str, request: OrderRequest, more: dict[str, str]
    ) -> Handle | Rejected:
        body = {**_order(request), **more}
        answer = self._ask(buyer, "POST", "/api/orders", body)
        if isinstance(answer, Rejected):
            return answer
        if answer.get("replayed"):
            return Rejected(Reason.ALREADY_PLACED)
        return int(answer["id"])

    def _do(
        self, account: str, method: str, path: str, body: Any = None
    ) -> Rejected | None:
        answer = self._ask(account, method, path, body)
        return answer if isinstance(answer, Rejected) else None

    def _ask(
        self, account: str | None, method: str, path: str, body: Any = None
    ) -> Any:
        headers = {}
        if account is not None:
            headers["Authorization"] = f"Bearer {self._token(account)}"
        status, answer, sent_back = self._public.ask(method, path, body, headers)
        if status >= 400:
            return Rejected(Reason(answer["error"]["reason"]))
        if sent_back.get("Idempotency-Replayed") == "true":
            answer["replayed"] = True
        return answer

    def _token(self, account: str) -> str:
        if account not in self._tokens:
            roles = ["owner"] if account == "owner" else []
            body = {"prefix": f"{account}-", "count": 1, "roles": roles}
            headers = {"Authorization": f"Bearer {self._admin['token']}"}
            _, answer, _ = self._private.ask("POST", "/admin/provision", body, headers)
            made = answer["accounts"][0]
            self._tokens[account] = made["token"]
            self._names[account] = made["name"]
        return self._tokens[account]

    def _sql(self, text: str) -> list[Any]:
        async def execute() -> list[Any]:
            connection = await asyncpg.connect(self._dsn)
            try:
                if text.startswith("SELECT"):
                    return list(await connection.fetch(text))
                await connection.execute(text)
                return []
            finally:
                await connection.close()

        rows: list[Any] = self._run(execute())
        return rows


def superuser_dsn(layout: Layout, auditor_dsn: str) -> str:
    """The database owner's connection string, from the rung's own secrets."""
    place = auditor_dsn.rpartition("@")[2]
    return f"postgresql://{SUPERUSER}:{layout.secrets().superuser}@{place}"


def _order(request: OrderRequest) -> dict[str, Any]:
    return {
        "reference": "0x" + request.reference.hex(),
        "design": _design(request.design),
        "quantity": str(request.quantity),
        "maximum_price": str(request.maximum_price),
        "delivery": "0x" + request.delivery.hex(),
    }


def _design(design: Design) -> dict[str, int]:
    return {"shape": design.shape, "size": design.size, "scent": design.scent}


class _Http:
    """One kept connection: a vector asks many small questions."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = HTTPConnection(str(parts.hostname), parts.port, timeout=30)

    def ask(
        self, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> tuple[int, Any, HTTPMessage]:
        data = None if body is None else json.dumps(body).encode()
        sent = {**headers, "Content-Type": "application/json"}
        self._connection.request(method, path, data, sent)
        response = self._connection.getresponse()
        return response.status, json.loads(response.read()), response.headers

    def close(self) -> None:
        self._connection.close()
