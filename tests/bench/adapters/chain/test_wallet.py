"""Wallets: one nonce a transaction, whatever happens to the one before it."""

from bench.adapters.chain.signing import Account, Call, Fees
from bench.adapters.chain.wallet import Wallets
from bench.workload.plan import Session, Step

STEP = Step("place_order", 0.0, 0, 1, "ab")


def call_of(session: Session, position: int) -> Call:
    return Call(bytes(20), session.number, b"", 21_000)


def visits(*numbers: int) -> list[Session]:
    """Visits of one and the same customer."""
    return [Session(number, 0.0, 0, "buyer", (STEP,)) for number in numbers]


def wallets(plan: list[Session]) -> Wallets:
    made = Wallets([Account.derived("seed", 0)], Fees(1, 100, 1))
    made.sign_plan(plan, ("place_order",), call_of)
    return made


def test_what_was_signed_beforehand_is_used_in_the_order_of_the_plan() -> None:
    plan = visits(1, 2, 3)
    made = wallets(plan)
    nonces = []
    for session in plan:
        signed = made.transaction(session, 0, call_of)
        made.sent(signed)
        nonces.append(signed.nonce)
    assert nonces == [0, 1, 2]
    assert made.signed_anew == 0


def test_a_retry_is_the_same_bytes() -> None:
    (session,) = plan = visits(1)
    made = wallets(plan)
    first = made.transaction(session, 0, call_of)
    made.sent(first)
    assert made.transaction(session, 0, call_of) is first


def test_two_visits_at_the_same_time_never_share_a_nonce() -> None:
    first, second = plan = visits(1, 2)
    made = wallets(plan)
    one = made.transaction(first, 0, call_of)
    with made.attempt(one):
        # No node has answered the first visit yet.
        other = made.transaction(second, 0, call_of)
    assert (one.nonce, other.nonce) == (0, 1)


def test_the_nonce_of_what_no_node_ever_took_is_used_again() -> None:
    first, second = plan = visits(1, 2)
    made = wallets(plan)
    one = made.transaction(first, 0, call_of)
    with made.attempt(one):
        pass  # refused for certain
    other = made.transaction(second, 0, call_of)
    assert other.nonce == one.nonce == 0
    assert other.digest != one.digest
    assert made.signed_anew == 1
    made.sent(other)
    again = made.transaction(first, 0, call_of)
    assert again.nonce == 1, "the first visit tries again, behind the second"


def test_what_may_have_been_taken_is_sent_again_before_what_comes_after() -> None:
    first, second = plan = visits(1, 2)
    made = wallets(plan)
    one = made.transaction(first, 0, call_of)
    made.sent(one)
    other = made.transaction(second, 0, call_of)
    assert made.rebroadcast(0, other.nonce) == [one]
    made.resolved(0, one)
    assert made.rebroadcast(0, other.nonce) == []
