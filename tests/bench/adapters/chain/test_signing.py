"""Transactions made by the bench are those that the usual library makes."""

import pytest
from eth_account import Account as Reference

from bench.adapters.chain.signing import Account, Call, Fees

FEES = Fees(chain_id=7101, max_fee=50 * 10**9, priority_fee=10**9)


@pytest.mark.parametrize("nonce", [0, 1, 127, 128, 70_000])
def test_a_signed_transaction_is_the_reference_librarys(nonce: int) -> None:
    secret = bytes(range(1, 33))
    call = Call(b"\x11" * 20, 10**15 + nonce, b"\x00\x01data", 210_000)
    mine = Account(secret).sign(FEES, nonce, call)
    theirs = Reference.from_key(secret).sign_transaction(
        {
            "chainId": FEES.chain_id,
            "nonce": nonce,
            "gas": call.gas,
            "maxFeePerGas": FEES.max_fee,
            "maxPriorityFeePerGas": FEES.priority_fee,
            "to": "0x" + call.to.hex(),
            "value": call.value,
            "data": call.data,
            "type": 2,
        }
    )
    assert mine.raw == "0x" + theirs.raw_transaction.hex()
    assert mine.digest == "0x" + theirs.hash.hex()


def test_accounts_follow_from_their_seed() -> None:
    one, same, other = (Account.derived(s, 3) for s in ("a", "a", "b"))
    assert one.address == same.address != other.address
    assert (
        Account(b"\x01" * 32).address
        == Reference.from_key(b"\x01" * 32).address.lower()
    )
