"""Sealed delivery addresses: who can read them, and what can be told from outside."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from shop_contract.delivery import (
    MAX_TEXT_BYTES,
    DeliveryError,
    point_to,
    public_bytes,
    read_pointer,
    seal,
    unseal,
)
from shop_contract.rules.limits import MAX_DELIVERY_BYTES

KEY = ec.derive_private_key(0x5EA1, ec.SECP256R1())
SHOP_KEY = public_bytes(KEY.public_key())
CONTEXT = b"shop" * 5 + b"alice" * 4
ADDRESS = "Zoë Wickham, 12 Tallow Lane, Beeswax-on-Sea"

# Sealed once by this format, version 1: must open for ever.
GOLDEN = bytes.fromhex(
    "01042f05d123ef93a99c2fdbac7a2f93db6f83fd10977b88eb4535cf39548cc221e67180"
    "a2134bc9c399a60a0e5fc41289c3edbc8daa36d23788bb196d802d088c2d2e3db83a5ffa"
    "210853d855310826f9ce58d097f548b9f0db5f31aae38db1f847000a943cae3e9d3b1d8b"
    "5dd2968c19bfa684213352d966ccf88dadac39c56f4483b0e4acd9a2f0d39b90104c3c36"
    "43cb"
)


def test_the_shop_opens_what_was_sealed_for_it() -> None:
    assert unseal(seal(ADDRESS, SHOP_KEY, CONTEXT), KEY, CONTEXT) == ADDRESS


def test_nothing_of_the_address_can_be_seen() -> None:
    envelope = seal(ADDRESS, SHOP_KEY, CONTEXT)
    for word in ADDRESS.split():
        assert word.encode() not in envelope
    assert seal(ADDRESS, SHOP_KEY, CONTEXT) != envelope


def test_addresses_of_like_length_look_alike() -> None:
    lengths = {len(seal("x" * n, SHOP_KEY, CONTEXT)) for n in range(1, 63)}
    assert lengths == {1 + 65 + 64 + 16}


def test_the_longest_address_fits_an_order() -> None:
    envelope = seal("x" * MAX_TEXT_BYTES, SHOP_KEY, CONTEXT)
    assert len(envelope) <= MAX_DELIVERY_BYTES
    assert unseal(envelope, KEY, CONTEXT) == "x" * MAX_TEXT_BYTES
    for text in ("", "x" * (MAX_TEXT_BYTES + 1)):
        with pytest.raises(DeliveryError, match="1 to"):
            seal(text, SHOP_KEY, CONTEXT)


def test_an_envelope_does_not_open_for_another_key_or_buyer() -> None:
    envelope = seal(ADDRESS, SHOP_KEY, CONTEXT)
    other = ec.derive_private_key(0x07E4, ec.SECP256R1())
    with pytest.raises(DeliveryError, match="not sealed for"):
        unseal(envelope, other, CONTEXT)
    with pytest.raises(DeliveryError, match="not sealed for"):
        unseal(envelope, KEY, b"shop" * 5 + b"mallory")


def test_a_changed_envelope_does_not_open() -> None:
    envelope = bytearray(seal(ADDRESS, SHOP_KEY, CONTEXT))
    envelope[-1] ^= 1
    with pytest.raises(DeliveryError, match="not sealed for"):
        unseal(bytes(envelope), KEY, CONTEXT)


@pytest.mark.parametrize("envelope", [b"", b"\x01", b"\x02" * 200, b"\x01" * 200])
def test_what_is_no_envelope_is_refused(envelope: bytes) -> None:
    with pytest.raises(DeliveryError):
        unseal(envelope, KEY, CONTEXT)


def test_sealing_needs_a_public_key() -> None:
    with pytest.raises(DeliveryError, match="65 bytes"):
        seal(ADDRESS, b"\x04" + bytes(64), CONTEXT)


def test_an_envelope_sealed_long_ago_still_opens() -> None:
    assert unseal(GOLDEN, KEY, CONTEXT) == ADDRESS


def test_a_pointer_names_a_place_and_a_digest() -> None:
    envelope = seal(ADDRESS, SHOP_KEY, CONTEXT)
    url = "https://candles.example/e/17"
    pointer = point_to(url, envelope)
    assert read_pointer(pointer) == (url, hashlib.sha256(envelope).digest())
    with pytest.raises(DeliveryError, match="too long"):
        point_to("https://" + "x" * 500, envelope)
    with pytest.raises(DeliveryError, match="no pointer"):
        read_pointer(envelope)
