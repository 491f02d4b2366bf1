"""Buying on the chain through the page: demo key, wallet, receipts, what is refused."""

import json
from pathlib import Path

from eth_account import Account

from shop_contract.codec import decode_result, encode_call, event_topic
from shop_contract.deploy import CHANGE_GAS, Sender
from tests.shop_contract.storefront.browser import PHONE, Shopper
from tests.shop_contract.storefront.conftest import (
    ChainShop,
    Visit,
    chandlery,
    design,
    order_number,
)

ADDRESS = "Ada Wick\n12 Tallow Lane"


def order_on_chain(shop: ChainShop, number: int) -> dict[str, int]:
    call = {"to": shop.shop, "data": "0x" + encode_call("order", number).hex()}
    answer = shop.rpc.call("eth_call", call, "latest")
    found: dict[str, int] = decode_result("order", bytes.fromhex(answer[2:]))
    return found


def send_as_owner(shop: ChainShop, function: str, *values: object) -> None:
    """Something the owner does elsewhere while a customer looks at the page."""
    sender = Sender(shop.rpc, Account.from_key(shop.keys[0]), 30)
    call = encode_call(function, *values)
    sender.receipt(sender.send(bytes.fromhex(shop.shop[2:]), call, 100 * CHANGE_GAS))


def test_a_candle_is_bought_with_the_demo_key(
    chain_shop: ChainShop, buyer: Shopper
) -> None:
    buyer.go("account")
    assert "Demo key." in buyer.text("#demo-warning")
    design(buyer, "jar", "large", "honey", 2)
    assert buyer.text("#price") == "0.0126 ETH each"
    assert buyer.text("#buy") == "Order and pay 0.0252 ETH"
    buyer.type("#address", ADDRESS)
    buyer.click("#buy")
    assert "of 4 validators" in buyer.news("is placed: 2 \u00d7 large jar with honey")
    number = order_number(buyer)
    order = order_on_chain(chain_shop, number)
    assert (order["shape"], order["size"], order["scent"]) == (3, 2, 4)
    assert (order["quantity"], order["total"]) == (2, 2 * 126 * 10**14)
    steps = buyer.text("#timeline")
    assert "Paid into escrow" in steps
    assert f"block {order_block(chain_shop, number)}" in steps
    buyer.go("orders")
    assert buyer.find(f"[data-order='{number}']") is not None


def order_block(shop: ChainShop, number: int) -> int:
    topics = ["0x" + event_topic("OrderPlaced").hex(), f"0x{number:064x}"]
    wanted = {"address": shop.shop, "topics": topics, "fromBlock": "0x0"}
    (log, *_) = shop.rpc.call("eth_getLogs", wanted)
    return int(log["blockNumber"], 16)


def test_a_receipt_from_the_page_is_verified_offline(
    chain_shop: ChainShop, buyer: Shopper, tmp_path: Path
) -> None:
    design(buyer, "votive", "small", "cedar", 1)
    buyer.type("#address", ADDRESS)
    buyer.click("#buy")
    number = order_number(buyer)
    buyer.click(f"#cancel-{number}")
    buyer.news("Cancel the order")
    buyer.click("#receipt")
    buyer.news("in your downloads")
    saved = tmp_path / f"order-{number}.json"
    buyer.until(saved.exists, "the downloaded receipt")
    kept = tmp_path / "from-the-command.json"
    made = chandlery(
        *("shop", "receipt", "--rpc", chain_shop.urls[2]),
        *("--order", str(number), "--out", kept),
    )
    assert made.returncode == 0, made.stderr
    assert (
        json.loads(saved.read_text())["events"]
        == json.loads(kept.read_text())["events"]
    )
    genesis = chain_shop.directory / "genesis.json"
    for receipt in (saved, kept):
        checked = chandlery("verify", receipt, "--trust", genesis)
        assert checked.returncode == 0, checked.stdout
        assert f"VALID    order {number}" in checked.stdout
        assert "cancelled" in checked.stdout
    told = json.loads(saved.read_text())
    told["events"][0]["quantity"] = 3
    saved.write_text(json.dumps(told))
    forged = chandlery("verify", saved, "--trust", genesis)
    assert forged.returncode == 1
    assert "INVALID  events: 'quantity' is 1 by the proofs" in forged.stdout


def test_the_buyer_changes_the_address_confirms_and_the_shop_is_paid(
    chain_shop: ChainShop, buyer: Shopper
) -> None:
    design(buyer, "pillar", "medium", "vanilla", 1)
    buyer.type("#address", ADDRESS)
    buyer.click("#buy")
    number = order_number(buyer)
    before = order_on_chain(chain_shop, number)["delivery_digest"]
    buyer.type("#redirect", "Ada Wick\n1 Other Street")
    buyer.click("form:has(#redirect) button")
    buyer.news("goes to the new address")
    assert order_on_chain(chain_shop, number)["delivery_digest"] != before
    send_as_owner(chain_shop, "mould", number)
    send_as_owner(chain_shop, "ship", number)
    buyer.open(f"#order/{number}")
    buyer.click(f"#deliver-{number}")
    buyer.news("Confirm delivery")
    assert "Delivered" in buyer.text("#timeline")
    assert order_on_chain(chain_shop, number)["status"] == 5


def test_what_cannot_be_ordered_is_refused_by_name(
    chain_shop: ChainShop, visit: Visit
) -> None:
    key = chain_shop.keys[5]  # has no profile
    shopper = visit(chain_shop.urls[0] + "/shop/", f"#key={key}")
    design(shopper, "taper", "small", "none", 1)
    for quantity, address, reason in (
        ("1", "", "missing_delivery"),
        ("0", ADDRESS, "zero_quantity"),
        ("1001", ADDRESS, "quantity_too_large"),
        ("1", "x" * 400, "delivery_too_long"),
    ):
        shopper.type("#quantity", quantity)
        if address:
            shopper.type("#address", address)
        shopper.click("#buy")
        shopper.news(reason)


def test_refusals_of_the_contract_are_said_in_plain_words(
    chain_shop: ChainShop, buyer: Shopper
) -> None:
    design(buyer, "tealight", "large", "orange", 1)
    buyer.type("#address", ADDRESS)
    price = decode_result(
        "sku",
        bytes.fromhex(
            chain_shop.rpc.call(
                "eth_call",
                {
                    "to": chain_shop.shop,
                    "data": "0x" + encode_call("sku", 4, 2, 5).hex(),
                },
                "latest",
            )[2:]
        ),
    )["price"]
    send_as_owner(chain_shop, "set_paused", True)
    buyer.click("#buy")
    assert "takes no new orders" in buyer.news("paused")
    send_as_owner(chain_shop, "set_paused", False)
    send_as_owner(chain_shop, "set_prices", [(4, 2, 5, price + 10**14)])
    buyer.until(
        lambda: "0.00185" in buyer.text("#price"), "the new price without a reload"
    )


def test_an_account_without_money_is_told_so(
    chain_shop: ChainShop, visit: Visit
) -> None:
    shopper = visit(chain_shop.urls[0] + "/shop/", "#account")
    shopper.click("#make-key")
    shopper.news("Welcome")
    design(shopper, "pillar", "small", "none", 1)
    shopper.type("#address", ADDRESS)
    shopper.click("#buy")
    assert "enough money" in shopper.news("insufficient_funds")


# An EIP-1193 wallet that holds one key and signs with the page's own module.
WALLET = """
window.ethereum = {
  async request({ method, params }) {
    const rpc = new (await import("/shop/static/chain/rpc.js")).Rpc("/");
    const { DemoSigner } = await import("/shop/static/chain/signers.js");
    const { fromHex } = await import("/shop/static/bytes.js");
    const chainId = BigInt(await rpc.call("eth_chainId"));
    const signer = new DemoSigner(rpc, chainId, fromHex("KEY"));
    if (method === "eth_requestAccounts") return [signer.address];
    if (method === "eth_chainId") return "0x" + chainId.toString(16);
    if (method !== "eth_sendTransaction") throw new Error(`no ${method} here`);
    if (window.declines) {
      throw Object.assign(new Error("User rejected the request."), { code: 4001 });
    }
    const { to, data, value, gas } = params[0];
    const fields = { to, data: fromHex(data), value: BigInt(value), gas: BigInt(gas) };
    return signer.send(fields);
  },
};
"""


def test_a_browser_wallet_signs(chain_shop: ChainShop, visit: Visit) -> None:
    wallet = WALLET.replace("KEY", chain_shop.keys[2])
    shopper = visit(chain_shop.urls[1] + "/shop/", "#account", before=wallet)
    shopper.click("#wallet")
    shopper.news("Welcome")
    assert "browser wallet" in shopper.text("#who")
    assert shopper.find("#demo-warning") is None
    design(shopper, "taper", "large", "lavender", 1)
    shopper.type("#address", ADDRESS)
    shopper.driver.execute_script("window.declines = true")
    shopper.click("#buy")
    shopper.news("declined in the wallet")
    shopper.driver.execute_script("window.declines = false")
    shopper.click("#buy")
    shopper.news("is placed")
    order = order_on_chain(chain_shop, order_number(shopper))
    assert order["buyer"] == Account.from_key(chain_shop.keys[2]).address.lower()


def test_everything_is_reached_with_the_keyboard_alone(
    chain_shop: ChainShop, visit: Visit
) -> None:
    shopper = visit(chain_shop.urls[0] + "/shop/", f"#key={chain_shop.keys[3]}")
    shopper.press("\ue004")  # Tab
    assert shopper.focused().text == "Skip to the content"
    shopper.tab_to("#shape-0")
    shopper.press("\ue014", "\ue014")  # right arrow: votive
    shopper.tab_to("#size-0")
    shopper.press("\ue014")
    shopper.tab_to("#quantity")
    shopper.press("\ue009", "a")  # Control
    shopper.press("\ue000", "4")  # release all
    shopper.tab_to("#address")
    shopper.press(*"Ada at 12 Tallow Lane")
    shopper.tab_to("#buy")
    shopper.press("\ue006")  # Return
    shopper.news("is placed: 4 \u00d7 medium votive without scent")
    number = order_number(shopper)
    # The focus is on the title of the new view, where a screen reader goes on.
    assert shopper.focused().text == f"Order {number}"


def test_the_page_fits_a_phone(chain_shop: ChainShop, visit: Visit) -> None:
    key = chain_shop.keys[0]
    shopper = visit(chain_shop.urls[0] + "/shop/", f"#key={key}", PHONE)
    for view in ("design", "orders", "account", "board", "about"):
        shopper.go(view)
        assert shopper.width_overflow() <= 0, view


def test_every_control_has_a_name(chain_shop: ChainShop, visit: Visit) -> None:
    shopper = visit(chain_shop.urls[0] + "/shop/", f"#key={chain_shop.keys[0]}")
    for view in ("design", "account", "board", "orders"):
        shopper.go(view)
        shopper.heading()
        nameless = shopper.driver.execute_script(
            """
            const fields = document.querySelectorAll("input, select, textarea");
            const named = (e) => e.labels.length || e.ariaLabel;
            const controls = document.querySelectorAll("button, a");
            const worded = (e) => e.textContent.trim();
            return [...fields].filter((e) => !named(e)).length +
              [...controls].filter((e) => !worded(e)).length;
            """
        )
        assert nameless == 0, view
        assert (
            shopper.driver.execute_script(
                "return document.querySelectorAll('h1').length"
            )
            == 1
        )


def test_a_shop_that_is_not_there_is_said(chain_shop: ChainShop, visit: Visit) -> None:
    nobody = "0x" + "ab" * 20
    shopper = visit(f"{chain_shop.urls[0]}/shop/?shop={nobody}")
    assert shopper.heading() == "The shop is closed"
    assert "no contract at" in shopper.text("#main")
