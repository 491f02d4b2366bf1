"""The owner's board in both worlds: queues, addresses, prices, stock, the pause."""

from pathlib import Path

from tests.shop_contract.storefront.browser import Shopper
from tests.shop_contract.storefront.conftest import (
    CentralShop,
    ChainShop,
    Visit,
    design,
    order_number,
)

ADDRESS = "Ada Wick\n12 Tallow Lane"


def place(shopper: Shopper, address: str = ADDRESS) -> int:
    design(shopper, "pillar", "large", "orange", 1)
    shopper.type("#address", address)
    shopper.click("#buy")
    return order_number(shopper)


def open_addresses(board: Shopper, key: Path, number: int) -> str:
    """The address of an order, opened with the shop's key file."""
    board.wait_for("#delivery-key").send_keys(str(key))
    board.news("this tab's memory")
    assert "opens what customers seal now" in board.text("#key-state")
    board.click(f"#address-{number}")
    shown = f"[data-address='{number}']"
    board.until(lambda: board.text(shown), "the address")
    return board.text(shown)


def work_through(board: Shopper, number: int) -> None:
    """Mould, ship and deliver an order."""
    for action, said in (
        ("mould", "Start moulding"),
        ("ship", "Hand to the courier"),
        ("deliver", "Confirm delivery"),
    ):
        board.click(f"#{action}-{number}")
        board.news(f"{said}, order {number}: done")
    board.until(lambda: not board.find(f"[data-order='{number}']"), "an empty queue")


def change_shelf(board: Shopper, unit: str) -> None:
    """Raise a price, add stock, pause and resume."""
    board.type("#price-2-5", "0.02")
    board.type("#stock-2-5", "-7")
    before = board.text("#main tr:has(#price-2-5) td:nth-child(3)")
    board.click("#save-shelf")
    board.news("Saved: 1 prices")
    after = "#main tr:has(#price-2-5) td:nth-child(3)"
    board.until(lambda: int(board.text(after)) == int(before) - 7, "the new stock")
    board.click("#pause")
    board.news("The shop is paused.")
    board.go("design")
    assert "takes no orders" in board.text("#buy")
    board.go("board")
    board.click("#pause")
    board.news("The shop is open.")
    design(board, "pillar", "large", "orange", 2)
    assert board.text("#buy") == f"Order and pay 0.04 {unit}"
    board.go("board")
    board.type("#price-2-5", "0.00935")
    board.click("#save-shelf")
    board.news("Saved: 1 prices")


def test_the_board_on_chain(
    chain_shop: ChainShop, buyer: Shopper, visit: Visit
) -> None:
    number = place(buyer)
    owner = visit(chain_shop.urls[3] + "/shop/", f"#key={chain_shop.keys[0]}")
    owner.go("board")
    key = chain_shop.directory / "delivery.pem"
    assert open_addresses(owner, key, number) == ADDRESS
    work_through(owner, number)
    change_shelf(owner, "ETH")
    owner.go("account")
    assert owner.text("#owed") != "0 ETH"
    owner.click("#withdraw")
    owner.news("paid out")


def test_a_customer_sees_no_board(chain_shop: ChainShop, buyer: Shopper) -> None:
    buyer.go("board")
    assert "for the owner, the moulder and the courier" in buyer.text("#main")
    assert buyer.find("#save-shelf") is None


def test_the_board_on_central(central_shop: CentralShop, visit: Visit) -> None:
    buyer = visit(central_shop.url + "/", "#account")
    buyer.type("#name", "board.buyer")
    buyer.type("#password", "a long enough password")
    buyer.click("#register")
    buyer.news("Welcome")
    number = place(buyer)
    board = visit(central_shop.url + "/", "#account")
    board.type("#token", central_shop.staff_token("board-"))
    board.click("#use-token")
    board.news("Welcome")
    board.go("board")
    key = central_shop.directory / "delivery.pem"
    assert open_addresses(board, key, number) == ADDRESS
    work_through(board, number)
    change_shelf(board, "coins")
