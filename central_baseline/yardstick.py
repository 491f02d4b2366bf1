"""How much of the database's own speed reaches the shopper.

The yardstick is pgbench, from the same PostgreSQL, running the statement that a
purchase is (`place_order`) on the same cluster with as many connections as the shop has
shoppers. Beside it the whole shop: HTTP, session, balancer, web tier, rules. Both take
turns, so that a machine that slows down slows both. The load generator shares the
machine with the shop; its CPU time is printed, since it is part of the price, and so is
what each role of the rung used per order.
"""

import asyncio
import json
import os
import re
import resource
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import uvloop

from central_baseline.config import Layout
from central_baseline.errors import CentralError
from central_baseline.servers.binaries import POSTGRES, find_beside
from central_baseline.shopper import Shopper, head_of
from central_baseline.supervisor.control import ask

SHOPPERS = 16
TURNS = 3
TURN_S = 5.0
WARMUP_S = 2.0
DESIGNS = 8  # so many candles are bought, by turns: their rows are what buyers queue on
WINDOW_S = 604800
GENERATOR = "generator"
ANSWER_TIMEOUT_S = 30.0
TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
FAILED = re.compile(r"^number of failed transactions: (\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Measured:
    """Orders a second, the turns of either, and the generator's share of a core."""

    shop: tuple[float, ...]
    pgbench: tuple[float, ...]
    generator_cores: float
    cpu_us_per_order: Mapping[str, float]  # of the shop, by role; and "generator"

    @property
    def ratio(self) -> float:
        """How many times faster pgbench is, by medians."""
        return statistics.median(self.pgbench) / statistics.median(self.shop)

    def document(self) -> dict[str, Any]:
        return {
            "shop_orders_per_s": [round(rate, 1) for rate in self.shop],
            "pgbench_orders_per_s": [round(rate, 1) for rate in self.pgbench],
            "ratio": round(self.ratio, 3),
            "generator_cores": round(self.generator_cores, 2),
            "cpu_us_per_order": {
                role: round(spent) for role, spent in self.cpu_us_per_order.items()
            },
        }


@dataclass(frozen=True)
class Candle:
    """One design and what it costs."""

    shape: int
    size: int
    scent: int
    price: int

    def purchase(self) -> bytes:
        """The body of a purchase of one, but for the reference's digits."""
        body = {
            "reference": "0x%s",
            "design": {"shape": self.shape, "size": self.size, "scent": self.scent},
            "quantity": 1,
            "maximum_price": str(self.price),
            "payment": str(self.price),
        }
        return json.dumps(body).encode()


def measure(folder: Path, turns: int = TURNS, turn_s: float = TURN_S) -> Measured:
    """Measure the rung that is up in the folder; CentralError when an order fails."""
    return uvloop.run(_Bench(folder).measure(turns, turn_s))


class _Bench:
    def __init__(self, folder: Path) -> None:
        layout = Layout(folder)
        if not layout.is_locked():
            raise CentralError(f"nothing runs in {folder}: start it with 'central up'")
        self._admin = json.loads(layout.admin.read_text())
        known = json.loads(layout.descriptor.read_text())
        self._url = str(known["endpoints"][0]["url"])
        places = urlsplit(self._admin["dsn"]).netloc.rpartition("@")[2]
        self._dsn = f"postgresql://shop@{places}/shop?target_session_attrs=read-write"
        self._password = layout.secrets().shop
        self._accounts: list[tuple[int, str]] = []
        self._candles: list[Candle] = []
        self._version = 0
        self._control = Path(known["control"])

    async def measure(self, turns: int, turn_s: float) -> Measured:
        shop, pgbench = [], []
        spent: dict[str, float] = defaultdict(float)
        bought = 0
        await self._prepare()
        await self._buy(WARMUP_S)
        for _ in range(turns):
            before = await self._spent_s()
            count, seconds = await self._buy(turn_s)
            for role, used in (await self._spent_s()).items():
                spent[role] += used - before.get(role, 0.0)
            bought += count
            shop.append(count / seconds)
            pgbench.append(await asyncio.to_thread(self._pgbench, turn_s))
        each = {role: used / bought * 1e6 for role, used in spent.items()}
        cores = spent[GENERATOR] / (turns * turn_s)
        return Measured(tuple(shop), tuple(pgbench), cores, each)

    async def _spent_s(self) -> dict[str, float]:
        """CPU seconds so far, by role of the rung's components and of ourselves."""
        listing = await ask(self._control, "list")
        spent: dict[str, float] = defaultdict(float)
        for entry in listing["components"]:
            spent[entry["role"]] += entry["cpu_seconds"]
        spent[GENERATOR] = _cpu_s()
        return spent

    async def _prepare(self) -> None:
        body = {
            "prefix": f"bench{os.urandom(4).hex()}-",
            "count": SHOPPERS,
            "delivery": "0x0a",
        }
        admin = {"Authorization": f"Bearer {self._admin['token']}"}
        url = f"{self._admin['urls'][0]}/admin/provision"
        timeout = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as http:
            async with http.post(url, json=body, headers=admin) as reply:
                made = (await reply.json())["accounts"]
            async with http.get(f"{self._url}/api/catalogue") as reply:
                shown = await reply.json()
        self._accounts = [(int(entry["account"]), entry["token"]) for entry in made]
        self._version = shown["version"]
        fullest = sorted(shown["skus"], key=lambda sku: -sku["stock"])[:DESIGNS]
        self._candles = [
            Candle(**sku["design"], price=int(sku["price"])) for sku in fullest
        ]

    async def _buy(self, duration_s: float) -> tuple[int, float]:
        """Orders over HTTP and the seconds they took, nobody pausing."""
        began = time.monotonic()
        counts = await asyncio.gather(
            *(
                self._shopper(token, number, began + duration_s)
                for number, (_, token) in enumerate(self._accounts)
            )
        )
        return sum(counts), time.monotonic() - began

    async def _shopper(self, token: str, number: int, until: float) -> int:
        bought = 0
        place = urlsplit(self._url)
        head = head_of("/api/orders", place.netloc, token)
        bodies = [candle.purchase() for candle in self._candles]
        shopper = await Shopper.connect(str(place.hostname), place.port or 80)
        try:
            while time.monotonic() < until:
                reference = os.urandom(32).hex().encode()
                body = bodies[(number + bought) % len(bodies)] % reference
                status, answer = await shopper.post(head, body)
                if status != 201:
                    raise CentralError(f"an order failed: {answer.decode()}")
                bought += 1
        finally:
            shopper.close()
        return bought

    def _pgbench(self, duration_s: float) -> float:
        """Orders a second by pgbench."""
        with tempfile.TemporaryDirectory(prefix="chandlery-pgbench-") as folder:
            argv = [str(find_beside(POSTGRES, "pgbench"))]
            for number, candle in enumerate(self._candles):
                script = Path(folder) / f"candle{number}.sql"
                script.write_text(self._script(candle))
                argv += ["-f", str(script)]
            argv += ["-n", "-M", "prepared", "-c", str(SHOPPERS), "-j", "2"]
            argv += ["-T", str(int(duration_s)), "-d", self._dsn]
            done = subprocess.run(
                argv,
                env={**os.environ, "PGPASSWORD": self._password},
                capture_output=True,
                text=True,
                check=False,
            )
        rate, failed = TPS.search(done.stdout), FAILED.search(done.stdout)
        if done.returncode != 0 or rate is None or failed is None or failed[1] != "0":
            raise CentralError(f"pgbench failed: {(done.stdout + done.stderr)[-800:]}")
        return float(rate[1])

    def _script(self, candle: Candle) -> str:
        """The purchase's statement, as the web tier sends it."""
        first = min(account for account, _ in self._accounts)
        last = max(account for account, _ in self._accounts)
        return (
            f"\\set buyer random({first}, {last})\n"
            "SELECT * FROM place_order(:buyer, "
            "uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), "
            f"{candle.shape}::smallint, {candle.size}::smallint, "
            f"{candle.scent}::smallint, 1, {candle.price}, {self._version}, NULL, "
            f"true, {WINDOW_S});\n"
        )


def report(rung: str, measured: Measured) -> list[str]:
    """The figures for people."""

    def line(name: str, rates: Sequence[float]) -> str:
        turns = " ".join(f"{rate:.0f}" for rate in rates)
        return f"  {name:<9}{statistics.median(rates):8.0f} orders/s   turns: {turns}"

    return [
        f"{rung}: {SHOPPERS} shoppers without pause, {DESIGNS} designs, "
        f"{os.cpu_count()} cores shared by all of it",
        line("shop", measured.shop),
        line("pgbench", measured.pgbench),
        "  CPU of the shop's orders, us each: "
        + ", ".join(f"{r} {us:.0f}" for r, us in measured.cpu_us_per_order.items()),
        f"  ratio {measured.ratio:.2f} (pgbench over shop); the shop's load generator "
        f"took {measured.generator_cores:.2f} of a core",
    ]


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
