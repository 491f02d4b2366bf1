"""Encoding is the reverse of decoding, and signs what every wallet signs."""

from typing import Any

import pytest
from eth_account import Account

from node.chain.transaction import decode_transaction
from node.primitives.keccak import keccak256
from node.primitives.secp256k1 import recover
from node.rpc.sending.encoding import encode_signed, signing_payload

KEY = "0x" + "42" * 32
BASE = {"to": "0x" + "11" * 20, "nonce": 3, "gas": 50_000, "value": 7, "data": "0x0102"}
FEES = {"maxFeePerGas": 9, "maxPriorityFeePerGas": 2}
ACCESS = [{"address": "0x" + "22" * 20, "storageKeys": ["0x" + "00" * 32]}]


def authorization() -> Any:
    fields = {"chainId": 5, "address": "0x" + "33" * 20, "nonce": 1}
    return Account.from_key(KEY).sign_authorization(fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"gasPrice": 9},
        {"gasPrice": 9, "to": "", "data": "0x00"},
        {"type": 1, "gasPrice": 9, "accessList": ACCESS},
        {"type": 2, **FEES, "accessList": ACCESS},
        {"type": 4, **FEES, "authorizationList": [authorization()]},
    ],
)
def test_a_signed_transaction_is_encoded_as_it_was(fields: dict[str, Any]) -> None:
    account = Account.from_key(KEY)
    signed = account.sign_transaction({**BASE, "chainId": 5, **fields})
    raw = bytes(signed.raw_transaction)
    tx = decode_transaction(raw)
    assert encode_signed(tx, tx.y_parity, tx.r, tx.s) == raw
    words = tx.r.to_bytes(32, "big") + tx.s.to_bytes(32, "big") + bytes((tx.y_parity,))
    sender = recover(keccak256(signing_payload(tx)), words)
    assert "0x" + sender.hex() == account.address.lower()
