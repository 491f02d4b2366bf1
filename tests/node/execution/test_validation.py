"""Every rule of a transaction, each with the kind it is refused with."""

import json
import lzma
from dataclasses import replace
from pathlib import Path

import pytest

from node.chain.transaction import ACCESS_LIST, LEGACY, SET_CODE
from node.execution.executor import MAX_TRANSACTION_BYTES, ErrorKind
from node.execution.validation import (
    DELEGATION_PREFIX,
    MAX_INITCODE_BYTES,
    MAX_NONCE,
    Admitted,
    TransactionError,
    admit,
    floor_gas,
    intrinsic_gas,
    validate_stateful,
)
from node.primitives import rlp
from node.primitives.secp256k1 import ORDER
from tests.node.execution.signing import (
    CHAIN_ID,
    Draft,
    address_of,
    authorization,
    number,
)

VECTORS = Path(__file__).resolve().parents[3].parent / "shared/vectors/transactions"
BOB = address_of("bob")
PLAIN = Draft(BOB, 3, value=7, data=b"\0\1", gas=50_000)


def kind_of(raw: bytes) -> ErrorKind:
    with pytest.raises(TransactionError) as caught:
        admit(raw, CHAIN_ID)
    return caught.value.kind


@pytest.mark.parametrize("kind", [LEGACY, ACCESS_LIST, 2, SET_CODE])
def test_every_type_is_admitted_with_its_sender(kind):
    draft = replace(
        PLAIN,
        gas=60_000,
        type=kind,
        access_list=[] if kind == LEGACY else [(BOB, [1, 2])],
        authorizations=[authorization("carol", BOB, 0)] if kind == SET_CODE else [],
    )
    admitted = admit(draft.sign("alice"), CHAIN_ID)
    assert admitted.sender == address_of("alice")
    assert admitted.tx.type == kind
    assert (admitted.tx.nonce, admitted.tx.value, admitted.tx.to) == (3, 7, BOB)
    assert admitted.info.max_cost == 7 + 60_000 * 10**10


@pytest.mark.parametrize(
    ("draft", "kind"),
    [
        (replace(PLAIN, chain_id=1), ErrorKind.WRONG_CHAIN),
        (replace(PLAIN, type=LEGACY, chain_id=1), ErrorKind.WRONG_CHAIN),
        (replace(PLAIN, nonce=MAX_NONCE), ErrorKind.NONCE_MAX),
        (replace(PLAIN, nonce=MAX_NONCE + 1), ErrorKind.MALFORMED),
        (replace(PLAIN, priority_fee=10**10 + 1), ErrorKind.PRIORITY_ABOVE_MAX),
        (replace(PLAIN, max_fee=2**128), ErrorKind.MALFORMED),
        (replace(PLAIN, value=2**256 - 1), ErrorKind.OVERFLOW),
        (replace(PLAIN, gas=21_019), ErrorKind.INTRINSIC_GAS),
        (replace(PLAIN, data=b"\1" * 1_000, gas=60_999), ErrorKind.FLOOR_GAS),
        (replace(PLAIN, type=SET_CODE), ErrorKind.EMPTY_AUTHORIZATIONS),
        (
            replace(PLAIN, to=b"", type=SET_CODE, authorizations=[]),
            ErrorKind.MALFORMED,
        ),
        (
            Draft(data=bytes(MAX_INITCODE_BYTES + 1), gas=10**7),
            ErrorKind.INITCODE_TOO_LARGE,
        ),
        (
            Draft(BOB, data=bytes(MAX_TRANSACTION_BYTES), gas=10**7),
            ErrorKind.TOO_LARGE,
        ),
        (replace(PLAIN, to=b"\1" * 19), ErrorKind.MALFORMED),
    ],
)
def test_a_rule_that_needs_no_state(draft, kind):
    assert kind_of(draft.sign("alice")) == kind


def test_gas_limits_are_sufficient_at_the_exact_figure():
    intrinsic = replace(PLAIN, gas=21_000 + 4 + 16)
    assert kind_of(replace(intrinsic, gas=intrinsic.gas - 1).sign("alice")) in (
        ErrorKind.INTRINSIC_GAS,
    )
    floor = replace(PLAIN, gas=21_000 + 10 * (1 + 4))
    admit(floor.sign("alice"), CHAIN_ID)
    below = replace(floor, gas=floor.gas - 1)
    assert kind_of(below.sign("alice")) == ErrorKind.FLOOR_GAS
    largest = Draft(data=bytes(MAX_INITCODE_BYTES), gas=10**7)
    admit(largest.sign("alice"), CHAIN_ID)


def test_intrinsic_gas_counts_data_words_lists_and_authorizations():
    creation = admit(Draft(data=b"\0\1" * 20, gas=10**6).sign("alice"), CHAIN_ID).tx
    assert intrinsic_gas(creation) == 21_000 + 32_000 + 20 * 4 + 20 * 16 + 2 * 2
    draft = replace(
        PLAIN,
        type=SET_CODE,
        gas=10**6,
        data=b"",
        access_list=[(BOB, [1, 2]), (BOB, [])],
        authorizations=[authorization("carol", BOB, 0)],
    )
    listed = admit(draft.sign("alice"), CHAIN_ID).tx
    assert intrinsic_gas(listed) == 21_000 + 2 * 2_400 + 2 * 1_900 + 25_000
    assert floor_gas(b"\0\1") == 21_000 + 50


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"", ErrorKind.MALFORMED),
        (b"\x03\xc0", ErrorKind.UNSUPPORTED_TYPE),
        (b"\x05\xc0", ErrorKind.UNSUPPORTED_TYPE),
        (b"\x00\xc0", ErrorKind.UNSUPPORTED_TYPE),
        (b"\xb8\x01", ErrorKind.UNSUPPORTED_TYPE),
        (b"\x02\xc0", ErrorKind.MALFORMED),
        (b"\xc0", ErrorKind.MALFORMED),
        (PLAIN.sign("alice") + b"\0", ErrorKind.MALFORMED),
        (PLAIN.sign("alice")[:-1], ErrorKind.MALFORMED),
        (PLAIN.sign("alice")[1:], ErrorKind.MALFORMED),
    ],
)
def test_bytes_that_are_no_transaction(raw, kind):
    assert kind_of(raw) == kind


def resigned(raw: bytes, **changes: int) -> bytes:
    """The transaction with other v, r or s."""
    kind = raw[:1] if raw[0] < 0xC0 else b""
    fields = rlp.to_list(rlp.decode(raw[len(kind) :]))
    for name, value in changes.items():
        fields["vrs".index(name) - 3] = number(value)
    return kind + rlp.encode(fields)


def parts(raw: bytes) -> tuple[int, int, int]:
    fields = rlp.to_list(rlp.decode(raw[1:] if raw[0] < 0xC0 else raw))
    v, r, s = (rlp.to_int(item) for item in fields[-3:])
    return v, r, s


@pytest.mark.parametrize("kind", [LEGACY, 2])
def test_a_high_s_is_refused_though_it_recovers_the_same_key(kind):
    raw = replace(PLAIN, type=kind).sign("alice")
    v, _, s = parts(raw)
    flipped = v + 1 if v % 2 == (kind == LEGACY) else v - 1
    assert kind_of(resigned(raw, v=flipped, s=ORDER - s)) == ErrorKind.BAD_SIGNATURE


@pytest.mark.parametrize(
    "changes", [{"r": 0}, {"s": 0}, {"r": ORDER}, {"s": ORDER}, {"v": 2}, {"r": 5}]
)
def test_a_signature_of_wrong_form_is_refused(changes):
    raw = PLAIN.sign("alice")
    assert kind_of(resigned(raw, **changes)) == ErrorKind.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("v", "kind"),
    [
        (27, ErrorKind.UNPROTECTED),
        (28, ErrorKind.UNPROTECTED),
        (0, ErrorKind.BAD_SIGNATURE),
        (34, ErrorKind.BAD_SIGNATURE),
        (37, ErrorKind.WRONG_CHAIN),
    ],
)
def test_v_of_a_legacy_transaction_must_name_this_chain(v, kind):
    assert kind_of(resigned(replace(PLAIN, type=LEGACY).sign("alice"), v=v)) == kind


@pytest.mark.parametrize(
    ("account", "base_fee", "gas_limit", "kind"),
    [
        ((3, 10**18, b""), 1, 49_999, ErrorKind.GAS_LIMIT),
        ((3, 10**18, b""), 10**10 + 1, 50_000, ErrorKind.FEE_TOO_LOW),
        ((4, 10**18, b""), 1, 50_000, ErrorKind.NONCE_TOO_LOW),
        ((2, 10**18, b""), 1, 50_000, ErrorKind.NONCE_TOO_HIGH),
        ((3, 7 + 50_000 * 10**10 - 1, b""), 1, 50_000, ErrorKind.INSUFFICIENT_FUNDS),
        ((3, 10**18, b"\0"), 1, 50_000, ErrorKind.SENDER_HAS_CODE),
        ((3, 10**18, DELEGATION_PREFIX), 1, 50_000, ErrorKind.SENDER_HAS_CODE),
    ],
)
def test_a_rule_that_needs_state(account, base_fee, gas_limit, kind):
    tx = admit(PLAIN.sign("alice"), CHAIN_ID).tx
    with pytest.raises(TransactionError) as caught:
        validate_stateful(tx, account, base_fee, gas_limit)
    assert caught.value.kind == kind


def test_a_delegated_account_may_send():
    tx = admit(PLAIN.sign("alice"), CHAIN_ID).tx
    code = DELEGATION_PREFIX + BOB
    validate_stateful(tx, (3, 7 + 50_000 * 10**10, code), 10**10, 50_000)


def vectors() -> list[tuple[str, dict]]:
    path = VECTORS / "transaction_tests.json.xz"
    if not path.exists():
        return []
    return list(json.loads(lzma.open(path).read()).items())


def answer_to(raw: bytes) -> Admitted | TransactionError:
    try:
        return admit(raw, 1)
    except TransactionError as error:
        return error


def test_public_vectors():
    """What they refuse is refused, and what they admit is read as they read it; but for
    unprotected legacy transactions and fees beyond 128 bits, refused on this chain."""
    if not vectors():
        pytest.skip("the public vectors are not beside the checkout")
    seen = {"refused": 0, "admitted": 0, "refused here only": 0}
    for name, case in vectors():
        expected = case["result"].get("Cancun") or case["result"].get("Shanghai")
        if expected is None:
            continue
        found = answer_to(bytes.fromhex(case["txbytes"].removeprefix("0x")))
        if isinstance(found, Admitted):
            assert "0x" + found.sender.hex() == expected["sender"], name
            assert "0x" + found.tx.hash.hex() == expected["hash"], name
            assert intrinsic_gas(found.tx) == int(expected["intrinsicGas"], 16), name
            seen["admitted"] += 1
        elif "exception" in expected:
            seen["refused"] += 1
        else:
            assert found.kind == ErrorKind.UNPROTECTED or "128" in str(found), name
            seen["refused here only"] += 1
    assert seen == {"refused": 158, "admitted": 15, "refused here only": 35}
