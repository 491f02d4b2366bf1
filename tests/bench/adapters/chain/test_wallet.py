"""Nonces stay in order whatever shoppers skip, lose, or never get rid of."""

import pytest

from bench.adapters.chain.signing import Account, Call, Fees
from bench.adapters.chain.wallet import Wallets
from bench.workload.plan import Session, Step

FEES = Fees(1, 10**9, 1)


def session(number: int) -> Session:
    step = Step("place_order", 0.0, 0, 1, f"{number:064x}")
    return Session(number, float(number), 0, "buyer", (step,))


def call_of(visit: Session, position: int) -> Call:
    return Call(b"\x22" * 20, visit.number, b"", 21_000)


@pytest.fixture
def wallets() -> Wallets:
    made = Wallets([Account.derived("w", 0)], FEES)
    made.start_at([5])
    made.sign_plan([session(n) for n in range(4)], ("place_order",), call_of)
    return made


def test_as_planned_nothing_is_signed_anew(wallets: Wallets) -> None:
    for number in range(4):
        signed = wallets.transaction(session(number), 0, call_of)
        wallets.sent(signed)
        assert signed.nonce == 5 + number
    assert (wallets.signed_count, wallets.signed_anew) == (4, 0)


def test_every_attempt_sends_the_same_bytes(wallets: Wallets) -> None:
    first = wallets.transaction(session(0), 0, call_of)
    assert wallets.transaction(session(0), 0, call_of) is first


def test_a_skipped_order_leaves_no_gap(wallets: Wallets) -> None:
    wallets.sent(wallets.transaction(session(0), 0, call_of))
    later = wallets.transaction(session(2), 0, call_of)
    assert later.nonce == 6
    assert wallets.signed_anew == 1


def test_what_was_sent_and_not_seen_final_is_sent_again_first(
    wallets: Wallets,
) -> None:
    lost = wallets.transaction(session(0), 0, call_of)
    wallets.sent(lost)
    later = wallets.transaction(session(1), 0, call_of)
    assert wallets.rebroadcast(0, later.nonce) == [lost]
    wallets.resolved(0, lost)
    assert wallets.rebroadcast(0, later.nonce) == []


def test_what_no_node_ever_took_is_given_up_and_its_nonce_used_again(
    wallets: Wallets,
) -> None:
    given_up = wallets.transaction(session(0), 0, call_of)
    later = wallets.transaction(session(1), 0, call_of)
    assert later.nonce == given_up.nonce == 5
    assert wallets.rebroadcast(0, later.nonce) == []
