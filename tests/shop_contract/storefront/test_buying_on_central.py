"""The same page on a central rung: an account, an order, and what failed."""

from tests.shop_contract.storefront.browser import PHONE
from tests.shop_contract.storefront.conftest import (
    CentralShop,
    Visit,
    design,
    order_number,
)

ADDRESS = "Ada Wick\n12 Tallow Lane"
PASSWORD = "a long enough password"


def test_a_candle_is_bought_with_a_session(
    central_shop: CentralShop, visit: Visit
) -> None:
    shopper = visit(central_shop.url + "/")
    assert shopper.text("#world") == "On the shop's servers"
    assert shopper.find("#buy:disabled") is not None
    shopper.go("account")
    shopper.type("#name", "ada.wick")
    shopper.type("#password", PASSWORD)
    shopper.click("#register")
    shopper.news("Welcome")
    design(shopper, "taper", "medium", "lavender", 3)
    assert shopper.text("#buy") == "Order and pay 0.0102 coins"
    shopper.type("#address", ADDRESS)
    shopper.click("#buy")
    shopper.news("Acknowledged by the shop's server.")
    number = order_number(shopper)
    assert "Paid into escrow" in shopper.text("#timeline")
    # The session outlives a reload; the address does not come back.
    shopper.open("#orders")
    assert shopper.find(f"[data-order='{number}']") is not None
    assert "Tallow" not in shopper.driver.page_source
    shopper.go("about")
    assert "rung “single”" in shopper.text("#main")


def test_the_buyer_cancels_and_withdraws_on_a_phone(
    central_shop: CentralShop, visit: Visit
) -> None:
    shopper = visit(central_shop.url + "/", "#account", PHONE)
    shopper.type("#name", "grace.taper")
    shopper.type("#password", PASSWORD)
    shopper.click("#register")
    shopper.news("Welcome")
    shopper.type("#profile-address", ADDRESS)
    shopper.click("#save-address")
    shopper.news("saved, sealed")
    assert "only the shop can open it" in shopper.text("#profile-state")
    design(shopper, "jar", "small", "none", 1)
    shopper.click("#buy")  # to the address in the profile
    shopper.news("is placed")
    number = order_number(shopper)
    shopper.click(f"#cancel-{number}")
    shopper.news("Cancel the order")
    shopper.go("account")
    assert shopper.text("#owed") == "0.005 coins"
    shopper.click("#withdraw")
    shopper.news("0.005 coins paid out")
    shopper.until(lambda: shopper.text("#owed") == "0 coins", "nothing owed")
    for view in ("design", "orders", "account", "board", "about"):
        shopper.go(view)
        assert shopper.width_overflow() <= 0, view


def test_a_wrong_password_and_a_taken_name_are_said(
    central_shop: CentralShop, visit: Visit
) -> None:
    shopper = visit(central_shop.url + "/", "#account")
    shopper.type("#name", "alan.flint")
    shopper.type("#password", PASSWORD)
    shopper.click("#register")
    shopper.news("Welcome")
    shopper.click("#leave")
    shopper.news("You have left")
    shopper.type("#name", "alan.flint")
    shopper.type("#password", PASSWORD)
    shopper.click("#register")
    shopper.news("name_taken")
    shopper.type("#password", "another long password")
    shopper.click("#sign-in")
    shopper.news("not_signed_in")
    # The browser itself notes answers that refuse; nothing else may be noted.
    shopper.expect_refusals(409, 401)
