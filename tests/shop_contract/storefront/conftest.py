"""Both worlds with their pages, and browsers that come to them."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from central_baseline import commands
from central_baseline.config import Settings
from shop_contract.jsonrpc import JsonRpc
from tests.shop_contract.storefront.browser import (
    DESKTOP,
    Shopper,
    browser_paths,
    open_chromium,
)

UP_TIMEOUT_S = 90
Visit = Callable[..., Shopper]


def chandlery(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run a command; the caller looks at how it ended."""
    command = [sys.executable, "-m", "node", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@dataclass(frozen=True)
class ChainShop:
    """What `chandlery shop demo` left running."""

    directory: Path
    urls: list[str]
    keys: list[str]  # of the demonstration accounts, the owner's first
    shop: str

    @property
    def rpc(self) -> JsonRpc:
        return JsonRpc(self.urls[0])


@pytest.fixture(scope="session")
def chain_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChainShop]:
    """Four validators and a shop with three orders."""
    directory = tmp_path_factory.mktemp("demo") / "network"
    ended = chandlery("shop", "demo", "--dir", directory, "--leave-up")
    assert ended.returncode == 0, ended.stderr
    descriptor = json.loads((directory / "descriptor.json").read_text())
    accounts = json.loads((directory / "accounts.json").read_text())
    yield ChainShop(
        directory,
        [endpoint["url"] for endpoint in descriptor["endpoints"]],
        [account["private_key"] for account in accounts],
        json.loads((directory / "shop.json").read_text())["address"],
    )
    assert chandlery("network", "down", directory).returncode == 0


@dataclass(frozen=True)
class CentralShop:
    """The rung `single`."""

    directory: Path
    url: str
    admin: dict[str, Any]

    def staff_token(self, name: str) -> str:
        """An account with every role, made by the operator."""
        body = {
            "prefix": name,
            "count": 1,
            "roles": ["owner", "moulder", "courier"],
        }
        request = urllib.request.Request(
            f"{self.admin['urls'][0]}/admin/provision",
            json.dumps(body).encode(),
            {
                "Authorization": f"Bearer {self.admin['token']}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            return str(json.load(response)["accounts"][0]["token"])


@pytest.fixture(scope="session")
def central_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CentralShop]:
    """One server with its own PostgreSQL."""
    directory = tmp_path_factory.mktemp("single")
    commands.up(Settings("single", directory), UP_TIMEOUT_S)
    descriptor = json.loads((directory / "descriptor.json").read_text())
    admin = json.loads((directory / "admin.json").read_text())
    yield CentralShop(directory, descriptor["endpoints"][0]["url"], admin)
    commands.down(directory)


@pytest.fixture
def visit(tmp_path: Path) -> Iterator[Visit]:
    """Opens a page in a new browser; at the end every one must have been clean."""
    if browser_paths() is None:
        pytest.skip("no Chromium with chromedriver is installed: the page is not tried")
    shoppers: list[Shopper] = []

    def come(
        url: str,
        fragment: str = "",
        size: tuple[int, int] = DESKTOP,
        before: str | None = None,
    ) -> Shopper:
        driver = open_chromium(size, tmp_path)
        shopper = Shopper(driver, url)
        shoppers.append(shopper)
        if before is not None:
            driver.execute_cdp_cmd(
                "Page.addScriptToEvaluateOnNewDocument", {"source": before}
            )
        shopper.open(fragment)
        return shopper

    yield come
    try:
        for shopper in shoppers:
            shopper.assert_clean()
    finally:
        for shopper in shoppers:
            shopper.driver.quit()


@pytest.fixture
def buyer(chain_shop: ChainShop, visit: Visit) -> Shopper:
    """A customer with a demo key at the chain's shop."""
    return visit(chain_shop.urls[0] + "/shop/", f"#key={chain_shop.keys[1]}")


def design(shopper: Shopper, shape: str, size: str, scent: str, quantity: int) -> None:
    """Choose a candle on the workbench."""
    shopper.go("design")
    shopper.choose("Shape", shape)
    shopper.choose("Size", size)
    shopper.choose("Scent", scent)
    shopper.type("#quantity", str(quantity))


def order_number(shopper: Shopper) -> int:
    """Of the order whose page is shown, once it is."""
    title = shopper.until(
        lambda: shopper.heading() if shopper.heading().startswith("Order ") else None,
        "the order's page",
    )
    return int(title.removeprefix("Order "))
