"""The explorer in a headless Chromium, on a dev chain and on four validators."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.testing.chain import InProcessChain
from node.testing.network import QbftNetwork
from shop_contract.artifact import load_artifact
from shop_contract.codec import encode_call
from tests.shop_contract.storefront.browser import (
    DESKTOP,
    PHONE,
    Shopper,
    browser_paths,
    open_chromium,
)

pytestmark = [
    pytest.mark.skipif(
        browser_paths() is None,
        reason="no Chromium with chromedriver is installed: the page is not tried",
    ),
    pytest.mark.timeout(180),
]
GAS = "0x4c4b40"


@pytest.fixture
def open_page(tmp_path: Path) -> Iterator[Any]:
    """Opens the explorer; at the end no browser may have complained."""
    shoppers: list[Shopper] = []

    def come(url: str, fragment: str = "", size: tuple[int, int] = DESKTOP) -> Shopper:
        shopper = Shopper(open_chromium(size, tmp_path), url + "/explorer/")
        shoppers.append(shopper)
        shopper.open(fragment)
        return shopper

    yield come
    try:
        for shopper in shoppers:
            shopper.assert_clean()
    finally:
        for shopper in shoppers:
            shopper.driver.quit()


class Shop:
    """The shop's contract on a dev chain, with a call that worked and one that did
    not."""

    def __init__(self, chain: InProcessChain) -> None:
        self.chain = chain
        self.owner, self.stranger = chain.request("eth_accounts")[:2]
        deployed = self.send(self.owner, load_artifact().bytecode)
        receipt = chain.request("eth_getTransactionReceipt", deployed)
        self.address: str = receipt["contractAddress"]
        self.added = self.add("pillar")
        paused = encode_call("set_paused", True)
        self.refused = self.send(self.stranger, paused, to=self.address)

    def add(self, name: str) -> str:
        data = encode_call("add_option", 0, name)
        return self.send(self.owner, data, to=self.address)

    def send(self, sender: str, data: bytes, **more: str) -> str:
        request = {"from": sender, "data": "0x" + data.hex(), "gas": GAS, **more}
        sent: str = self.chain.request("eth_sendTransaction", request)
        return sent


@pytest.fixture
def shop(devchain: InProcessChain) -> Shop:
    return Shop(devchain)


def test_calls_and_events_are_decoded_and_failures_explained(
    shop: Shop, open_page: Any
) -> None:
    page = open_page(shop.chain.serve(), f"#tx/{shop.added}")
    shown = page.text("#main")
    assert "shop: add_option" in shown
    assert "pillar" in shown
    assert "OptionAdded" in shown
    page = open_page(shop.chain.serve(), f"#tx/{shop.refused}")
    shown = page.text("#main")
    assert "failed" in shown
    assert "not_authorized" in shown


def test_blocks_appear_as_they_are_made(shop: Shop, open_page: Any) -> None:
    page = open_page(shop.chain.serve())
    page.until(lambda: page.text("#live") == "live", "the WebSocket is open")
    height = int(shop.chain.request("eth_blockNumber"), 16)
    assert page.find(f"a[href='#block/{height}']") is not None
    shop.add("taper")
    page.wait_for(f"a[href='#block/{height + 1}']")


def test_the_search_finds_blocks_transactions_and_accounts(
    shop: Shop, open_page: Any
) -> None:
    page = open_page(shop.chain.serve())
    for wanted, title in (
        ("2", "Block 2"),
        (shop.added, "Transaction"),
        (shop.address, "Contract"),
        (shop.owner, "Account"),
        ("candles", "Not found"),
        ("999", "Not found"),
    ):
        page.type("#wanted", wanted)
        page.click("#search button")
        page.until(lambda title=title: page.heading() == title, title)


def test_waiting_transactions_are_in_the_pool(shop: Shop, open_page: Any) -> None:
    shop.chain.request("evm_setAutomine", False)
    try:
        waiting = shop.add("votive")
        page = open_page(shop.chain.serve(), "#pool")
        assert page.find(f"a[href='#tx/{waiting}']") is not None
        assert "shop: add_option" in page.text("#main")
    finally:
        shop.chain.request("evm_setAutomine", True)


@pytest.mark.parametrize("fragment", ["", "#block/1", "#validators", "#pool"])
def test_a_phone_scrolls_no_page_sideways(
    shop: Shop, open_page: Any, fragment: str
) -> None:
    page = open_page(shop.chain.serve(), fragment, PHONE)
    assert page.width_overflow() <= 0


@pytest.mark.qbft(validators=4)
def test_validators_and_rounds_are_shown(
    qbft_network: QbftNetwork, open_page: Any
) -> None:
    qbft_network.wait_for_height(2)
    page = open_page(qbft_network.nodes[0].url, "#validators")
    shown = page.text("#main")
    assert "Quorum\n3 of 4" in shown
    for node in qbft_network.nodes:
        assert page.find(f"a[href='#address/{node.address}']") is not None
    page = open_page(qbft_network.nodes[0].url, "#block/1")
    assert "Signed by" in page.text("#main")
