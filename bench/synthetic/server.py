"""The synthetic shop: one process, one file of orders, planted latencies and wrongs.

Orders are appended to a file before they are acknowledged, so a kill -9 loses nothing
that was not planted. `python -m bench.synthetic.server CONFIG` runs it.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import IO, Any

from aiohttp import web

from bench.synthetic.truth import Delays, Truth

PRICE = 100
DESIGNS = 12
STOCK = 1_000_000


class Shop:
    """Orders in memory and on disk, and the plants."""

    def __init__(self, folder: Path, truth: Truth) -> None:
        self._truth = truth
        self._delays = Delays(truth)
        self._orders_path = folder / "orders.jsonl"
        self.orders: list[dict[str, Any]] = []
        if self._orders_path.exists():
            lines = self._orders_path.read_text().splitlines()
            self.orders = [json.loads(line) for line in lines]
        self._answers = {o["reference"]: o for o in self.orders}
        self._plants: dict[str, str] = {}
        self._arrivals = 0
        self._file: IO[str] = self._orders_path.open("a")
        self._log: IO[str] = (folder / "truth.jsonl").open("a")

    async def delay(self, kind: str) -> None:
        """Wait as planted, and log what was planted and how long it really was."""
        began_ns, ms = time.monotonic_ns(), self._delays.next_ms()
        if ms:
            await asyncio.sleep(ms / 1000)
        waited_ms = (time.monotonic_ns() - began_ns) / 1e6
        self.log({"delay_ms": ms, "waited_ms": waited_ms, "kind": kind, "at": began_ns})

    def log(self, data: dict[str, Any]) -> None:
        """Append to the truth."""
        self._log.write(json.dumps(data) + "\n")
        self._log.flush()

    def plant_for(self, reference: str) -> str:
        """The wrong this reference meets, the same at every attempt."""
        if reference not in self._plants:
            self._plants[reference] = self._truth.plant(self._arrivals)
            self._arrivals += 1
            if self._plants[reference]:
                self.log({"plant": self._plants[reference], "reference": reference})
        return self._plants[reference]

    def place(self, body: dict[str, Any], plant: str) -> dict[str, Any]:
        """Store the order as the plant says and return what the buyer is told."""
        known = self._answers.get(body["reference"])
        if known is not None:
            return known
        copies = {"lost": 0, "vanished": 0, "duplicated": 2}.get(plant, 1)
        order = {
            "id": str(len(self.orders) + 1),
            "reference": body["reference"],
            "customer": body["customer"],
            "quantity": body["quantity"],
            "amount": PRICE * body["quantity"],
            "status": "paid",
        }
        for copy in range(copies):
            stored = {**order, "id": f"{order['id']}{'-again' * copy}"}
            self.orders.append(stored)
            self._file.write(json.dumps(stored) + "\n")
        self._file.flush()
        if plant != "vanished":
            self._answers[body["reference"]] = order
        return order


def make_app(shop: Shop) -> web.Application:
    """The HTTP face of the synthetic shop."""
    app = web.Application()

    async def catalogue(request: web.Request) -> web.Response:
        await shop.delay("browse")
        return web.json_response({"designs": DESIGNS, "price": PRICE})

    async def place(request: web.Request) -> web.Response:
        body = await request.json()
        plant = shop.plant_for(body["reference"])
        await shop.delay("place_order")
        order = shop.place(body, plant)
        if plant in ("orphaned", "vanished"):
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        return web.json_response(order, status=201)

    async def track(request: web.Request) -> web.Response:
        await shop.delay("track")
        return web.json_response({"status": "paid"})

    async def profile(request: web.Request) -> web.Response:
        await shop.delay("profile")
        return web.json_response({"version": 1})

    async def audit(request: web.Request) -> web.Response:
        return web.json_response({"orders": shop.orders})

    app.router.add_get("/catalogue", catalogue)
    app.router.add_post("/orders", place)
    app.router.add_get("/orders/{id}", track)
    app.router.add_get("/profile", profile)
    app.router.add_put("/profile", profile)
    app.router.add_get("/audit", audit)
    return app


def main() -> None:
    """Serve until killed; the configuration is a JSON file."""
    config = json.loads(Path(sys.argv[1]).read_text())
    folder = Path(config["folder"])
    shop = Shop(folder, Truth(**config["truth"]))

    async def tell_ready(app: web.Application) -> None:
        shop.log({"serving": True, "at": time.monotonic_ns()})

    app = make_app(shop)
    app.on_startup.append(tell_ready)
    web.run_app(
        app,
        host="127.0.0.1",
        port=config["port"],
        print=None,
        access_log=None,
        reuse_address=True,
        handle_signals=True,
    )


if __name__ == "__main__":
    main()
