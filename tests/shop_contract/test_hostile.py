"""Receivers that misbehave harm nobody but themselves."""

import pytest

from shop_contract.codec import decode_result, encode_call, revert_reason
from shop_contract.conformance import ContractAdapter
from shop_contract.conformance.contract import request_tuple
from shop_contract.conformance.runner import take_opening
from shop_contract.rules import Design, OrderRequest
from tests.shop_contract.calls import plain_calls
from tests.shop_contract.chain_shop import PURSE, HostileShop
from tests.shop_contract.hostile import Mode

DESIGN = Design(0, 0, 0)


def request(number: int) -> OrderRequest:
    return OrderRequest(DESIGN, 1, 1000, number.to_bytes(32, "big"), b"sealed")


@pytest.fixture
def chain() -> HostileShop:
    """A shop that owes the hostile account 1000, with 1000 of alice's in escrow."""
    chain = HostileShop()
    shop = ContractAdapter(chain)
    take_opening(shop)
    assert shop.place("alice", request(1), 1000) == 1
    assert shop.place("hostile", request(2), 1000) == 2
    assert chain.send("hostile", encode_call("cancel", 2), 0).success
    assert shop.place("hostile", request(3), 1000) == 3
    return chain


def owed(chain: HostileShop, account: str) -> int:
    return ContractAdapter(chain).owed(account)


def balance(chain: HostileShop) -> int:
    return chain.evm.balance(chain.shop)


@pytest.mark.parametrize("mode", [Mode.REFUSE, Mode.SHOUT])
def test_a_refused_payment_is_rejected_and_stays_owed(
    chain: HostileShop, mode: Mode
) -> None:
    chain.hostile.arm(mode)
    result = chain.transact("hostile", encode_call("withdraw"))
    assert revert_reason(result.output) == "payment_failed"
    assert owed(chain, "hostile") == 1000
    assert balance(chain) == 3000


def test_who_cannot_receive_names_someone_who_can(chain: HostileShop) -> None:
    chain.hostile.arm(Mode.REFUSE)
    friend = chain.address("friend")
    result = chain.transact("hostile", encode_call("withdraw", friend))
    assert decode_result("withdraw", result.output) == 1000
    assert chain.evm.balance(friend) == PURSE + 1000
    assert owed(chain, "hostile") == 0
    assert balance(chain) == 2000


def test_burning_all_gas_gains_nothing_and_keeps_the_credit(chain: HostileShop) -> None:
    chain.hostile.arm(Mode.BURN)
    call = encode_call("withdraw")
    attempt = chain.evm.transact(chain.hostile.address, chain.shop, call, gas=400_000)
    assert not attempt.success
    assert owed(chain, "hostile") == 1000
    assert balance(chain) == 3000
    chain.hostile.arm(Mode.ACCEPT)
    assert chain.transact("hostile", call).success


REENTRIES = {
    "withdraw": (encode_call("withdraw"), 0),
    "withdraw to another": (encode_call("withdraw", b"\x09" * 20), 0),
    "cancel": (encode_call("cancel", 3), 0),
    "redirect": (encode_call("redirect", 3, b"elsewhere"), 0),
    "profile": (encode_call("set_profile", b"elsewhere"), 0),
    "place": (encode_call("place", *request_tuple(request(4))), 0),
    "place and pay": (encode_call("place", *request_tuple(request(4))), 1000),
    "batch": (encode_call("place_batch", [request_tuple(request(4))]), 1000),
    # Even a view: what it would show in the middle of a payment is not the truth.
    "a view": (encode_call("liabilities"), 0),
}


@pytest.mark.parametrize("again", REENTRIES)
def test_nothing_can_be_called_while_the_shop_pays(
    chain: HostileShop, again: str
) -> None:
    payload, money = REENTRIES[again]
    chain.evm.fund(chain.hostile.address, money)
    chain.hostile.arm(Mode.REENTER, chain.shop, payload, money)
    result = chain.transact("hostile", encode_call("withdraw"))
    assert decode_result("withdraw", result.output) == 1000
    assert chain.hostile.reentered() == (1, 0)
    assert chain.evm.balance(chain.hostile.address) == 1000 + money
    assert owed(chain, "hostile") == 0
    assert balance(chain) == 2000
    assert ContractAdapter(chain).escrowed() == 2000


# Constants need no lock: nothing can change them.
CONSTANTS = {name for name in plain_calls("view") if name.split("/")[0].isupper()}
LOCKED = plain_calls("payable", "nonpayable", "view")


@pytest.mark.parametrize("name", sorted(LOCKED.keys() - CONSTANTS))
def test_every_function_is_locked_while_the_shop_pays(
    chain: HostileShop, name: str
) -> None:
    """The lock refuses without a word, before any check that has one."""
    chain.hostile.arm(Mode.REENTER, chain.shop, LOCKED[name])
    assert chain.transact("hostile", encode_call("withdraw")).success
    assert chain.hostile.reentered() == (1, 0)
    assert chain.hostile.answer() == b""


def test_an_owner_that_re_enters_cannot_claim_what_it_is_being_paid() -> None:
    """Everything it calls would be allowed at any other time."""
    chain = HostileShop()
    take_opening(ContractAdapter(chain))
    call = encode_call("transfer_ownership", chain.hostile.address)
    assert chain.send("owner", call, 0).success
    assert chain.send("hostile", encode_call("accept_ownership"), 0).success
    assert ContractAdapter(chain).place("hostile", request(1), 1000) == 1
    assert chain.send("hostile", encode_call("cancel", 1), 0).success
    code = b"\x73" + chain.shop + b"\xff"  # money forced in: a surplus to claim
    chain.evm.transact(chain.address("bob"), b"", code, 77)
    for again in ("claim_surplus", "withdraw"):
        chain.hostile.arm(Mode.REENTER, chain.shop, encode_call(again))
        assert chain.send("hostile", encode_call("withdraw"), 0).success
        assert chain.hostile.reentered()[1] == 0
        if again == "claim_surplus":
            assert chain.send("hostile", encode_call("claim_surplus"), 0).success
    assert balance(chain) == 0


def test_a_hostile_buyer_does_not_hold_up_the_shop(chain: HostileShop) -> None:
    """Crediting instead of paying: refunds and deliveries never call the buyer."""
    chain.hostile.arm(Mode.REFUSE)
    for account, call in (
        ("moulder", encode_call("mould", 3)),
        ("courier", encode_call("ship", 3)),
        ("courier", encode_call("deliver", 3)),
        ("owner", encode_call("refund", 1)),
        ("owner", encode_call("withdraw")),
        ("alice", encode_call("withdraw")),
    ):
        assert chain.send(account, call, 0).success
    assert balance(chain) == owed(chain, "hostile") == 1000
