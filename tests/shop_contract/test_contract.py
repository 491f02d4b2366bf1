"""What the vectors do not ask: events, views, and money without orders."""

from typing import Any

import pytest
from eth_hash.auto import keccak

from shop_contract.codec import decode_event, decode_result, encode_call, revert_reason
from shop_contract.conformance import ContractAdapter
from shop_contract.conformance.contract import request_tuple
from shop_contract.conformance.runner import take_opening
from shop_contract.rules import Design, OrderRequest, limits
from tests.shop_contract.calls import plain_calls
from tests.shop_contract.chain_shop import (
    PURSE,
    EvmShop,
    address_of,
    bytecode_under_test,
)
from tests.shop_contract.evm import START_S, Evm

DAY = 86_400


PILLAR = Design(0, 0, 0)


def request(number: int, design: Design = PILLAR, **kwargs: Any) -> Any:
    fields = {"quantity": 2, "maximum_price": 2500, "delivery": b"sealed", **kwargs}
    reference = number.to_bytes(32, "big")
    return request_tuple(OrderRequest(design, reference=reference, **fields))


@pytest.fixture
def chain() -> EvmShop:
    chain = EvmShop()
    take_opening(ContractAdapter(chain))
    return chain


def name_of(address: str) -> str:
    """The account behind a logged address, among those the tests use."""
    known = {address_of(name): name for name in ("owner", "alice", "bob", "courier")}
    return known.get(bytes.fromhex(address[2:]), address)


def events(chain: EvmShop, account: str, call: bytes, value: int = 0) -> list[Any]:
    """What a transaction logs, accounts by name."""
    result = chain.transact(account, call, value)
    assert result.success, revert_reason(result.output)
    found = []
    for _, topics, data in result.logs:
        decoded = decode_event(topics, data)
        assert decoded is not None
        name, fields = decoded
        named = {
            key: name_of(value) if str(value).startswith("0x") else value
            for key, value in fields.items()
        }
        found.append((name, named))
    return found


def view(chain: EvmShop, function: str, *arguments: object) -> Any:
    return ContractAdapter(chain).view(function, *arguments)


def word(chain: EvmShop, account: str, call: bytes, value: int = 0) -> str | None:
    result = chain.transact(account, call, value)
    assert not result.success
    return revert_reason(result.output)


def test_placing_logs_the_order_and_its_envelope(chain: EvmShop) -> None:
    placed = events(chain, "alice", encode_call("place", *request(5)), 2000)
    reference = (5).to_bytes(32, "big")
    assert placed == [
        (
            "OrderPlaced",
            {
                "order_id": 1,
                "buyer": "alice",
                "reference": reference,
                "shape": 0,
                "size": 0,
                "scent": 0,
                "quantity": 2,
                "total": 2000,
                "catalogue_version": 7,
                "deadline": START_S + 7 * DAY,
            },
        ),
        (
            "OrderDelivery",
            {
                "order_id": 1,
                "buyer": "alice",
                "digest": keccak(b"sealed"),
                "envelope": b"sealed",
            },
        ),
    ]


def test_an_order_that_follows_the_profile_logs_no_envelope(chain: EvmShop) -> None:
    profile = events(chain, "alice", encode_call("set_profile", b"home"))
    fields = {"account": "alice", "digest": keccak(b"home"), "envelope": b"home"}
    assert profile == [("ProfileChanged", fields)]
    call = encode_call("place", *request(1, delivery=b""))
    assert [name for name, _ in events(chain, "alice", call, 2000)] == ["OrderPlaced"]


def test_every_transition_logs_status_actor_and_deadline(chain: EvmShop) -> None:
    chain.transact("alice", encode_call("place", *request(1)), 2000)
    moved = {"order_id": 1, "deadline": START_S + 14 * DAY, "status": 3}
    moulder = "0x" + address_of("moulder").hex()
    [(name, fields)] = events(chain, "moulder", encode_call("mould", 1))
    assert (name, {**fields, "actor": ""}) == ("OrderMoved", {**moved, "actor": ""})
    assert fields["actor"] == moulder
    shipped = {"order_id": 1, "deadline": START_S + 30 * DAY, "status": 4}
    [event] = events(chain, "courier", encode_call("ship", 1))
    assert event == ("OrderMoved", {**shipped, "actor": "courier"})
    credited, ended = events(chain, "alice", encode_call("deliver", 1))
    credit = {"account": "owner", "order_id": 1, "amount": 2000}
    assert credited == ("Credited", credit)
    final = {"order_id": 1, "status": 5, "actor": "alice", "deadline": 0}
    assert ended == ("OrderMoved", final)


@pytest.mark.parametrize(
    ("account", "function", "status"), [("alice", "cancel", 6), ("owner", "refund", 7)]
)
def test_money_given_back_is_credited_to_the_buyer(
    chain: EvmShop, account: str, function: str, status: int
) -> None:
    chain.transact("alice", encode_call("place", *request(1)), 2000)
    credited, ended = events(chain, account, encode_call(function, 1))
    credit = {"account": "alice", "order_id": 1, "amount": 2000}
    assert credited == ("Credited", credit)
    final = {"order_id": 1, "status": status, "actor": account, "deadline": 0}
    assert ended == ("OrderMoved", final)


def test_expiry_and_release_are_logged_as_such(chain: EvmShop) -> None:
    for number in (1, 2):
        chain.transact("alice", encode_call("place", *request(number)), 2000)
    chain.transact("moulder", encode_call("mould", 2))
    chain.transact("courier", encode_call("ship", 2))
    chain.wait(61 * DAY)
    _, expired = events(chain, "owner", encode_call("expire", 1))
    assert (expired[1]["status"], expired[1]["actor"]) == (8, "owner")
    credited, released = events(chain, "owner", encode_call("release", 2))
    assert credited[1]["account"] == "owner"
    assert (released[1]["status"], released[1]["deadline"]) == (5, 0)


def test_a_withdrawal_logs_who_and_where_to(chain: EvmShop) -> None:
    for number in (1, 2):
        chain.transact("alice", encode_call("place", *request(number)), 2000)
        chain.transact("alice", encode_call("cancel", number))
        call = ("withdraw",) if number == 1 else ("withdraw", chain.address("bob"))
        [event] = events(chain, "alice", encode_call(*call))
        recipient = "alice" if number == 1 else "bob"
        fields = {"account": "alice", "recipient": recipient, "amount": 2000}
        assert event == ("Withdrawn", fields)
        assert view(chain, "owed_total") == view(chain, "liabilities") == 0
    assert chain.evm.balance(address_of("alice")) == PURSE - 2000
    assert chain.evm.balance(address_of("bob")) == PURSE + 2000


def test_money_is_not_sent_to_nobody(chain: EvmShop) -> None:
    chain.transact("alice", encode_call("place", *request(1)), 2000)
    chain.transact("alice", encode_call("cancel", 1))
    nowhere = encode_call("withdraw", bytes(20))
    assert word(chain, "alice", nowhere) == "invalid_account"
    assert word(chain, "alice", encode_call("withdraw", chain.shop)) == "payment_failed"
    assert view(chain, "owed", address_of("alice")) == 2000


def test_keeping_shop_is_logged(chain: EvmShop) -> None:
    added = events(chain, "owner", encode_call("add_option", 2, "cedar"))
    option = {"kind": 2, "option": 2, "name": "cedar", "catalogue_version": 8}
    assert added == [("OptionAdded", option)]
    design = {"shape": 1, "size": 0, "scent": 2}
    priced = events(chain, "owner", encode_call("set_prices", [(1, 0, 2, 55)]))
    price = {**design, "price": 55, "catalogue_version": 9}
    assert priced == [("PriceChanged", price)]
    stocked = events(chain, "owner", encode_call("adjust_stock", [(1, 0, 2, 9)]))
    assert stocked == [("StockChanged", {**design, "stock": 9})]
    taken = events(chain, "owner", encode_call("adjust_stock", [(1, 0, 2, -4)]))
    assert taken == [("StockChanged", {**design, "stock": 5})]
    for on in (True, False):
        paused = events(chain, "owner", encode_call("set_paused", on))
        assert paused == [("PausedSet", {"paused": on})]
        for function, event in (
            ("set_moulder", "MoulderSet"),
            ("set_courier", "CourierSet"),
        ):
            call = encode_call(function, address_of("bob"), on)
            fields = {"account": "bob", "enabled": on}
            assert events(chain, "owner", call) == [(event, fields)]


def test_ownership_is_handed_over_in_two_logged_steps(chain: EvmShop) -> None:
    both = {"previous_owner": "owner", "new_owner": "bob"}
    offer = encode_call("transfer_ownership", address_of("bob"))
    assert events(chain, "owner", offer) == [("OwnershipTransferStarted", both)]
    assert view(chain, "pending_owner") == "0x" + address_of("bob").hex()
    assert view(chain, "owner") == "0x" + address_of("owner").hex()
    taken = events(chain, "bob", encode_call("accept_ownership"))
    assert taken == [("OwnershipTransferred", both)]
    assert view(chain, "owner") == "0x" + address_of("bob").hex()
    assert view(chain, "pending_owner") == "0x" + bytes(20).hex()


def test_an_offer_can_be_withdrawn(chain: EvmShop) -> None:
    chain.transact("owner", encode_call("transfer_ownership", address_of("bob")))
    chain.transact("owner", encode_call("transfer_ownership", bytes(20)))
    assert word(chain, "bob", encode_call("accept_ownership")) == "not_authorized"


def test_the_delivery_key_is_the_owners_to_publish(chain: EvmShop) -> None:
    key = b"\x04" + bytes(range(64))
    call = encode_call("set_delivery_key", key)
    assert word(chain, "alice", call) == "not_authorized"
    assert view(chain, "delivery_key") == b""
    assert events(chain, "owner", call) == [("DeliveryKeySet", {"key": key})]
    assert view(chain, "delivery_key") == key
    later = encode_call("set_delivery_key", key[::-1])
    assert events(chain, "owner", later) == [("DeliveryKeySet", {"key": key[::-1]})]
    assert view(chain, "delivery_key") == key[::-1]


def test_an_order_shows_everything_about_it(chain: EvmShop) -> None:
    chain.transact("alice", encode_call("set_profile", b"home"))
    call = encode_call("place", *request(1, Design(0, 1, 1), quantity=3, delivery=b""))
    assert chain.transact("alice", call, 7500).success
    order = {
        "buyer": "0x" + address_of("alice").hex(),
        "shape": 0,
        "size": 1,
        "scent": 1,
        "quantity": 3,
        "unit_price": 2500,
        "total": 7500,
        "catalogue_version": 7,
        "placed_at": START_S,
        "status": 2,
        "deadline": START_S + 7 * DAY,
        "delivery_digest": keccak(b"home"),
    }
    assert view(chain, "order", 1) == order
    chain.transact("alice", encode_call("set_profile", b"new home"))
    assert view(chain, "order", 1)["delivery_digest"] == keccak(b"new home")
    chain.transact("alice", encode_call("redirect", 1, b"a friend"))
    redirected = {**order, "delivery_digest": keccak(b"a friend")}
    assert view(chain, "order", 1) == redirected
    chain.wait(DAY)
    chain.transact("moulder", encode_call("mould", 1))
    moulding = {**redirected, "status": 3, "deadline": START_S + 15 * DAY}
    assert view(chain, "order", 1) == moulding


def test_the_last_address_of_an_order_is_the_one_that_counts(chain: EvmShop) -> None:
    def digest(number: int) -> bytes:
        return bytes(view(chain, "order", number)["delivery_digest"])

    chain.transact("alice", encode_call("set_profile", b"home"))
    chain.transact("alice", encode_call("place", *request(1, delivery=b"work")), 2000)
    chain.transact("alice", encode_call("place", *request(2, delivery=b"")), 2000)
    assert (digest(1), digest(2)) == (keccak(b"work"), keccak(b"home"))
    for number in (1, 2):
        for envelope in (b"a friend", b"another friend", b"home again"):
            call = encode_call("redirect", number, envelope)
            assert events(chain, "alice", call) == [
                (
                    "OrderDelivery",
                    {
                        "order_id": number,
                        "buyer": "alice",
                        "digest": keccak(envelope),
                        "envelope": envelope,
                    },
                )
            ]
            assert digest(number) == keccak(envelope)
    # The profile is for orders without an address of their own.
    chain.transact("alice", encode_call("set_profile", b"moved"))
    assert digest(1) == digest(2) == keccak(b"home again")


def test_an_order_that_does_not_exist_is_empty(chain: EvmShop) -> None:
    empty = view(chain, "order", 1)
    assert empty["status"] == empty["total"] == 0
    assert view(chain, "order_of", address_of("alice"), bytes(32)) == 0


def test_orders_are_found_by_reference_and_by_page(chain: EvmShop) -> None:
    for number in range(1, 71):
        design = Design(0, 1, 1)
        call = encode_call("place", *request(number, design, quantity=1))
        assert chain.transact("alice", call, 2500).success
    reference = (33).to_bytes(32, "big")
    assert view(chain, "order_of", address_of("alice"), reference) == 33
    assert view(chain, "order_of", address_of("bob"), reference) == 0
    assert view(chain, "order_count") == 70
    one_by_one = [view(chain, "order", number) for number in (69, 70)]
    assert view(chain, "orders", 69, 10) == one_by_one
    assert len(view(chain, "orders", 1, 1000)) == 64
    assert len(view(chain, "orders", 2, 3)) == 3
    assert view(chain, "orders", 71, 5) == view(chain, "orders", 1, 0) == []


def test_the_catalogue_is_read_in_one_call_and_the_shelf_in_another(
    chain: EvmShop,
) -> None:
    assert view(chain, "catalogue") == {
        "version": 7,
        "paused": False,
        "shapes": ["pillar", "taper"],
        "sizes": ["small", "large"],
        "scents": ["none", "vanilla"],
    }
    none = {"price": 0, "stock": 0}
    first, last = {"price": 1000, "stock": 10}, {"price": 2500, "stock": 5000}
    assert view(chain, "shelf", 0) == [first, none, none, last]
    assert view(chain, "shelf", 1) == [{"price": 700, "stock": 0}, none, none, none]
    assert view(chain, "sku", 0, 1, 1) == last
    chain.transact("owner", encode_call("set_prices", [(0, 0, 1, 5), (0, 1, 0, 6)]))
    five, six = {"price": 5, "stock": 0}, {"price": 6, "stock": 0}
    assert view(chain, "shelf", 0) == [first, five, six, last]
    for missing in ((2, 0, 0), (0, 2, 0), (0, 0, 2), (0, 0, 256)):
        success, output = chain.evm.call(chain.shop, encode_call("sku", *missing))
        assert (success, revert_reason(output)) == (False, "unknown_option")
    chain.transact("owner", encode_call("set_paused", True))
    assert view(chain, "catalogue")["paused"] is view(chain, "paused") is True
    assert view(chain, "catalogue_version") == 8
    assert view(chain, "escrowed") == 0


def test_pausing_changes_nothing_else_in_the_books(chain: EvmShop) -> None:
    chain.transact("alice", encode_call("place", *request(1)), 2000)
    for paused in (True, True, False, False):
        chain.transact("owner", encode_call("set_paused", paused))
        assert view(chain, "escrowed") == 2000
        assert view(chain, "order_count") == 1
        assert view(chain, "catalogue_version") == 7


def test_money_forced_upon_the_shop_is_the_owners(chain: EvmShop) -> None:
    chain.transact("alice", encode_call("place", *request(1)), 2000)
    chain.transact("alice", encode_call("place", *request(2)), 2000)
    chain.transact("alice", encode_call("cancel", 2))
    claim = encode_call("claim_surplus")
    assert word(chain, "owner", claim) == "nothing_owed"
    code = b"\x73" + chain.shop + b"\xff"  # PUSH20 shop, SELFDESTRUCT
    chain.evm.transact(chain.address("bob"), b"", code, 77)
    assert word(chain, "alice", claim) == "not_authorized"
    credit = {"account": "owner", "order_id": 0, "amount": 77}
    assert events(chain, "owner", claim) == [("Credited", credit)]
    assert view(chain, "liabilities") == chain.evm.balance(chain.shop) == 4077
    assert word(chain, "owner", claim) == "nothing_owed"


def test_money_cannot_come_in_but_with_an_order(chain: EvmShop) -> None:
    for call in (b"", b"\x01\x02\x03\x04", encode_call("set_profile", b"x")):
        assert not chain.transact("alice", call, 5).success
    assert word(chain, "alice", b"") is None
    assert chain.evm.balance(chain.shop) == 0


@pytest.mark.parametrize("name", plain_calls("nonpayable", "view", "pure"))
def test_only_placing_takes_money(chain: EvmShop, name: str) -> None:
    """Refused without a word: by the door, before any check that has one."""
    result = chain.transact("owner", plain_calls("nonpayable", "view", "pure")[name], 1)
    assert (result.success, result.output) == (False, b"")


def test_placing_is_all_that_takes_money() -> None:
    assert set(plain_calls("payable")) == {"place/7", "place_batch/1"}


def test_the_deployer_is_the_first_owner_and_that_is_logged() -> None:
    evm = Evm()
    result = evm.transact(address_of("bob"), b"", bytecode_under_test())
    [(_, topics, data)] = result.logs
    owners = {"previous_owner": "0x" + bytes(20).hex()}
    owners["new_owner"] = "0x" + address_of("bob").hex()
    assert decode_event(topics, data) == ("OwnershipTransferred", owners)
    _, output = evm.call(result.created, encode_call("owner"))
    assert decode_result("owner", output) == owners["new_owner"]


def test_an_unknown_kind_of_option_is_named(chain: EvmShop) -> None:
    call = encode_call("add_option", 3, "wick")
    assert word(chain, "owner", call) == "unknown_option"


def test_the_contract_declares_the_limits_of_the_rules(chain: EvmShop) -> None:
    named = [name for name in vars(limits) if name.isupper()]
    on_chain = [
        n for n in named if n not in {"DAY_S", "PAY_WINDOW_S", "REFERENCE_BYTES"}
    ]
    assert len(on_chain) == 12
    for name in on_chain:
        value = view(chain, name.removesuffix("_S"))
        assert value == getattr(limits, name), name


def test_a_batch_returns_its_first_id(chain: EvmShop) -> None:
    chain.transact("bob", encode_call("place", *request(1)), 2000)
    call = encode_call("place_batch", [request(1), request(2)])
    result = chain.transact("alice", call, 4000)
    assert decode_result("place_batch", result.output) == 2
    assert view(chain, "order_of", address_of("alice"), (2).to_bytes(32, "big")) == 3
