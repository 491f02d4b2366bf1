"""Public vectors on the native executor: all state tests and all raw transactions.

Blob transactions, which no block of this chain holds, run here too: the machine below
the executor knows them.
"""

import json
import lzma
from pathlib import Path
from typing import Any

import pytest

from node.primitives.secp256k1 import PrivateKey
from tests.node.execution.state_vectors import cases, to_bytes

native = pytest.importorskip(
    "chandlery_native", reason="the native executor is not installed"
)

VECTORS = Path(__file__).resolve().parents[3].parent / "shared/vectors"
TRANSACTIONS = VECTORS / "transactions/transaction_tests.json.xz"
STATE_TESTS = 1_286
REFUSED_HERE = {
    "ttEIP1559/GasLimitPriceProductOverflowtMinusOne": "malformed",
    "ttGasPrice/TransactionWithHighGasPrice": "malformed",
    "ttVValue/V_equals38": "malformed",
    "ttValue/TransactionWithHighValue": "overflow",
}
"""Valid elsewhere; here a fee has at most 128 bits, and nobody can own so much."""


def run_state_test(
    pre: dict[str, Any], env: dict[str, Any], tx: dict[str, Any], fork: str
) -> tuple[str, str, str]:
    """(state root, logs hash, why the transaction was refused or "")."""
    sender = PrivateKey(to_bytes(tx["secretKey"])).address
    tx = {**tx, "sender": "0x" + sender.hex()}
    texts = (json.dumps(part) for part in (pre, env, tx))
    root, logs, refused = native.run_state_test(*texts, fork)
    return "0x" + root.hex(), "0x" + logs.hex(), refused


def test_the_vectors_are_there():
    if not cases():
        pytest.skip("the public vectors are not beside the checkout")
    assert len(cases()) == STATE_TESTS


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["id"])
def test_a_state_test(case):
    expect = case["expect"]
    root, logs, refused = run_state_test(
        case["pre"], case["env"], case["tx"], case["fork"]
    )
    assert (root, logs) == (expect["state_root"], expect["logs_hash"]), refused
    assert bool(refused) == ("exception" in expect)


def test_a_changed_state_gives_another_root():
    """The adapter is not deaf: one wei more in `pre` changes the answer."""
    case = next((case for case in cases() if "exception" not in case["expect"]), None)
    if case is None:
        pytest.skip("the public vectors are not beside the checkout")
    pre = {**case["pre"], "0x" + "77" * 20: {"balance": "0x1"}}
    root, _, _ = run_state_test(pre, case["env"], case["tx"], case["fork"])
    assert root != case["expect"]["state_root"]


def raw_transactions() -> dict[str, Any]:
    if not TRANSACTIONS.exists():
        return {}
    with lzma.open(TRANSACTIONS, "rt") as text:
        found: dict[str, Any] = json.load(text)
    return {name: case for name, case in found.items() if case["result"]}


@pytest.mark.parametrize(("name", "case"), raw_transactions().items())
def test_a_raw_transaction(name, case):
    raw = to_bytes(case["txbytes"])
    expect = case["result"].get("Cancun") or case["result"]["Shanghai"]
    found = native.inspect_transaction(raw, 1)
    if "exception" in expect:
        assert isinstance(found[1], str), name
        return
    if name in REFUSED_HERE:
        assert found[1] == REFUSED_HERE[name]
        return
    digest, sender, gas = found
    assert "0x" + digest.hex() == expect["hash"]
    assert "0x" + sender.hex() == expect["sender"].lower()
    assert gas == int(expect["intrinsicGas"], 16)
