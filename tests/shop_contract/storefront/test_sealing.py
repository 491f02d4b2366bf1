"""The page seals what shop_contract.delivery opens, and the other way round; and what
was sealed is found in no file of any node."""

import base64
import secrets
from pathlib import Path

import pytest
from eth_account import Account

from shop_contract.codec import encode_call
from shop_contract.delivery import (
    MAX_TEXT_BYTES,
    DeliveryError,
    public_bytes,
    seal,
    unseal,
)
from shop_contract.deploy import Sender
from shop_contract.jsonrpc import JsonRpc
from shop_contract.keys import load_or_make_delivery_key
from tests.node.network.cluster import wait_until
from tests.shop_contract.storefront.browser import Shopper
from tests.shop_contract.storefront.conftest import (
    CentralShop,
    ChainShop,
    Visit,
    design,
    order_number,
)

CALL = """
const [name, parameters, done] = arguments;
(async () => {
  const { fromHex, toHex } = await import("./static/bytes.js");
  const delivery = await import("./static/delivery.js");
  if (name === "seal") {
    const [text, key, context] = parameters;
    return toHex(await delivery.seal(text, fromHex(key), fromHex(context)));
  }
  const [envelope, pem, context] = parameters;
  const key = await delivery.openingKey(pem);
  return delivery.unseal(fromHex(envelope), key, fromHex(context));
})().then(done, (error) => done("failed: " + error.message));
"""


def in_page(shopper: Shopper, name: str, *parameters: str) -> str:
    return str(shopper.driver.execute_async_script(CALL, name, parameters))


@pytest.fixture
def page(central_shop: CentralShop, visit: Visit) -> Shopper:
    return visit(central_shop.url + "/")


def test_the_page_and_the_library_open_each_others_envelopes(
    page: Shopper, tmp_path: Path
) -> None:
    pem = tmp_path / "delivery.pem"
    key = load_or_make_delivery_key(pem)
    public = public_bytes(key.public_key())
    context = secrets.token_bytes(40)
    for text in ("a", "Zoë Dŵr\n1 Ćrnogorska", "x" * MAX_TEXT_BYTES):
        sealed = in_page(page, "seal", text, public.hex(), context.hex())
        assert unseal(bytes.fromhex(sealed[2:]), key, context) == text
        ours = seal(text, public, context)
        assert len(ours) == len(bytes.fromhex(sealed[2:]))
        assert (
            in_page(page, "unseal", ours.hex(), pem.read_text(), context.hex()) == text
        )


def test_the_page_opens_no_envelope_of_another_context_or_key(
    page: Shopper, tmp_path: Path
) -> None:
    key = load_or_make_delivery_key(tmp_path / "delivery.pem")
    other = load_or_make_delivery_key(tmp_path / "other.pem")
    context = bytes(40)
    sealed = seal("12 Tallow Lane", public_bytes(key.public_key()), context)
    pem = (tmp_path / "delivery.pem").read_text()
    wrong = (tmp_path / "other.pem").read_text()
    assert "not sealed for this key" in in_page(
        page, "unseal", sealed.hex(), pem, "01" * 40
    )
    assert "not sealed for this key" in in_page(
        page, "unseal", sealed.hex(), wrong, context.hex()
    )
    by_page = in_page(
        page, "seal", "12 Tallow Lane", public_bytes(key.public_key()).hex(), "02" * 40
    )
    with pytest.raises(DeliveryError):
        unseal(bytes.fromhex(by_page[2:]), key, context)
    with pytest.raises(DeliveryError):
        unseal(bytes.fromhex(by_page[2:]), other, b"\x02" * 40)


def test_too_long_an_address_is_refused_by_the_page(page: Shopper) -> None:
    said = in_page(page, "seal", "x" * (MAX_TEXT_BYTES + 1), "04" * 65, "00")
    assert f"1 to {MAX_TEXT_BYTES} bytes" in said


def files_with(directory: Path, needle: str) -> list[Path]:
    """Files in which a text is found, as UTF-8, UTF-16, hex or base64."""
    raw = needle.encode()
    spellings = [raw, needle.encode("utf-16-le"), raw.hex().encode()]
    spellings += [base64.b64encode(bytes(shift) + raw)[4:-4] for shift in range(3)]
    return [
        path
        for path in sorted(directory.rglob("*"))
        if path.is_file()
        and any(spelling in path.read_bytes() for spelling in spellings)
    ]


def test_a_planted_address_is_found_in_no_file_of_any_node(
    chain_shop: ChainShop, buyer: Shopper
) -> None:
    planted = f"{secrets.token_hex(12)} Planted Lane"
    design(buyer, "pillar", "small", "none", 1)
    buyer.type("#address", planted)
    buyer.click("#buy")
    number = order_number(buyer)
    redirected = f"{secrets.token_hex(12)} Redirected Road"
    buyer.type("#redirect", redirected)
    buyer.click("form:has(#redirect) button")
    buyer.news("goes to the new address")
    profile = f"{secrets.token_hex(12)} Profile Place"
    buyer.go("account")
    buyer.type("#profile-address", profile)
    buyer.click("#save-address")
    buyer.news("saved, sealed")
    for address in (planted, redirected, profile):
        assert files_with(chain_shop.directory, address) == []
    assert number > 0


def test_the_search_would_find_an_address_sent_in_the_open(
    chain_shop: ChainShop,
) -> None:
    """The control of the test above: unsealed, the address lies in every node."""
    planted = f"{secrets.token_hex(12)} Open Square"
    customer = Account.from_key(chain_shop.keys[4])
    sender = Sender(chain_shop.rpc, customer, 30)
    call = encode_call("set_profile", planted.encode())
    block = sender.receipt(
        sender.send(bytes.fromhex(chain_shop.shop[2:]), call, 200_000)
    )["blockNumber"]
    for url in chain_shop.urls:
        wait_for_block(url, int(block, 16))
    found = files_with(chain_shop.directory, planted)
    nodes = {path.relative_to(chain_shop.directory).parts[0] for path in found}
    assert nodes == {"node1", "node2", "node3", "node4"}


def wait_for_block(url: str, number: int) -> None:
    rpc = JsonRpc(url)
    wait_until(
        lambda: int(rpc.call("eth_blockNumber"), 16) >= number, f"block {number}", 30
    )
