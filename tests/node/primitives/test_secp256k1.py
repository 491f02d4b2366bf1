"""Signatures: known keys, one valid signature each, and every refusal."""

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from node.primitives.keccak import keccak256
from node.primitives.secp256k1 import (
    HALF_ORDER,
    ORDER,
    PrivateKey,
    SignatureError,
    recover,
)

KEY = PrivateKey(bytes.fromhex("45" * 32))
DIGEST = keccak256(b"a message")


def test_keccak_is_that_of_ethereum() -> None:
    assert keccak256(b"").hex() == (
        "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    )


@given(st.integers(1, ORDER - 1))
def test_addresses_are_those_of_another_implementation(secret: int) -> None:
    raw = secret.to_bytes(32, "big")
    expected = Account.from_key(raw).address
    assert "0x" + PrivateKey(raw).address.hex() == expected.lower()


@given(st.binary(max_size=50))
def test_a_signature_recovers_its_author(message: bytes) -> None:
    digest = keccak256(message)
    signature = KEY.sign(digest)
    assert len(signature) == 65
    assert int.from_bytes(signature[32:64], "big") <= HALF_ORDER
    assert recover(digest, signature) == KEY.address


def test_signing_is_deterministic_and_equals_another_implementation() -> None:
    signature = KEY.sign(DIGEST)
    assert signature == KEY.sign(DIGEST)
    other = Account.unsafe_sign_hash(DIGEST, KEY.secret)
    assert int.from_bytes(signature[:32], "big") == other.r
    assert int.from_bytes(signature[32:64], "big") == other.s
    assert signature[64] == other.v - 27


def test_another_digest_recovers_another_author() -> None:
    assert recover(keccak256(b"another"), KEY.sign(DIGEST)) != KEY.address


def test_the_other_half_of_s_is_refused() -> None:
    signature = KEY.sign(DIGEST)
    s = ORDER - int.from_bytes(signature[32:64], "big")
    upper = signature[:32] + s.to_bytes(32, "big") + bytes([1 - signature[64]])
    with pytest.raises(SignatureError, match="upper half"):
        recover(DIGEST, upper)


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        KEY.sign(DIGEST)[:64],
        KEY.sign(DIGEST) + b"\0",
        KEY.sign(DIGEST)[:64] + b"\2",
        KEY.sign(DIGEST)[:64] + b"\x1b",
        bytes(65),
        b"\xff" * 32 + bytes(31) + b"\1\0",
    ],
    ids=["empty", "no recovery id", "too long", "id 2", "id 27", "zeros", "r too big"],
)
def test_what_is_no_signature_is_refused(signature: bytes) -> None:
    with pytest.raises(SignatureError):
        recover(DIGEST, signature)


@pytest.mark.parametrize(
    "secret",
    [b"", bytes(31), bytes(33), bytes(32), ORDER.to_bytes(32, "big")],
    ids=["empty", "short", "long", "zero", "the order"],
)
def test_what_is_no_key_is_refused(secret: bytes) -> None:
    with pytest.raises(ValueError, match=r"32 bytes|greater than 0 and less than"):
        PrivateKey(secret)


def test_a_key_does_not_show_its_secret() -> None:
    assert KEY.secret.hex() not in repr(KEY)
    assert KEY.address.hex() in repr(KEY)


def test_generated_keys_differ() -> None:
    assert PrivateKey.generate().address != PrivateKey.generate().address
