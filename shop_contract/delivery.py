"""Sealing a delivery address so that only the shop can read it.

An envelope is what `place`, `redirect` and `set_profile` take: bytes that anyone may
keep for ever and nobody but the holder of the shop's delivery key can open. Two kinds:

    01 | ephemeral P-256 public key, 65 | AES-256-GCM ciphertext and tag
    02 | SHA-256 of a sealed envelope, 32 | URL it is kept at

The key is HKDF-SHA256 of the ECDH secret (salt: both public keys, info: the label
below), used once, so the nonce is zeros. The text is padded to a multiple of 64 bytes:
length tells little. The context (shop and buyer) is authenticated: an envelope copied
into somebody else's order does not open. WebCrypto in a browser can do all of it.

Erasure: what is on a chain stays there. Erasing means destroying the delivery key of a
period, after which its envelopes are noise; or using pointers (kind 02) and deleting
the envelope where it is kept. The second erases one customer, the first everybody.
"""

import hashlib
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shop_contract.rules.limits import MAX_DELIVERY_BYTES

_SEALED = b"\x01"
_POINTER = b"\x02"
_POINT_BYTES = 65
_TAG_BYTES = 16
_PAD_TO = 64
_LABEL = b"chandlery delivery 1"
_ROOM = MAX_DELIVERY_BYTES - 1 - _POINT_BYTES - _TAG_BYTES
MAX_TEXT_BYTES = _ROOM // _PAD_TO * _PAD_TO - 2


class DeliveryError(ValueError):
    """An envelope that cannot be made or opened, and why."""


class Pointer(NamedTuple):
    """Where a sealed envelope is kept, and its SHA-256."""

    url: str
    digest: bytes


def public_bytes(key: ec.EllipticCurvePublicKey) -> bytes:
    """The form in which the shop publishes its key: an uncompressed point, 65 bytes."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def seal(text: str, shop_key: bytes, context: bytes) -> bytes:
    """An envelope with an address for the shop whose public key (65 bytes) this is.

    `context` binds it to shop and buyer: both addresses, 40 bytes, on the chain.
    """
    data = text.encode()
    if not 1 <= len(data) <= MAX_TEXT_BYTES:
        raise DeliveryError(f"an address has 1 to {MAX_TEXT_BYTES} bytes of UTF-8")
    padded = len(data).to_bytes(2, "big") + data
    padded += bytes(-len(padded) % _PAD_TO)
    ephemeral = ec.generate_private_key(ec.SECP256R1())
    point = public_bytes(ephemeral.public_key())
    cipher = _cipher(ephemeral, shop_key, point + shop_key)
    return _SEALED + point + cipher.encrypt(bytes(12), padded, context)


def unseal(envelope: bytes, key: ec.EllipticCurvePrivateKey, context: bytes) -> str:
    """The address in a sealed envelope. Raises DeliveryError: not for this key and
    context, or no sealed envelope at all."""
    point = envelope[1 : 1 + _POINT_BYTES]
    if envelope[:1] != _SEALED or len(point) != _POINT_BYTES:
        raise DeliveryError("this is no sealed envelope")
    cipher = _cipher(key, point, point + public_bytes(key.public_key()))
    try:
        padded = cipher.decrypt(bytes(12), envelope[1 + _POINT_BYTES :], context)
    except InvalidTag:
        raise DeliveryError("not sealed for this key, this shop and buyer") from None
    length = int.from_bytes(padded[:2], "big")
    return padded[2 : 2 + length].decode()


def point_to(url: str, envelope: bytes) -> bytes:
    """An envelope of the second kind, for a sealed one that is kept off the chain."""
    pointer = _POINTER + hashlib.sha256(envelope).digest() + url.encode()
    if len(pointer) > MAX_DELIVERY_BYTES:
        raise DeliveryError(
            f"the URL is too long by {len(pointer) - MAX_DELIVERY_BYTES}"
        )
    return pointer


def read_pointer(envelope: bytes) -> Pointer:
    """Where to fetch the sealed envelope; compare its SHA-256 before opening it."""
    if envelope[:1] != _POINTER or len(envelope) < 34:
        raise DeliveryError("this is no pointer")
    return Pointer(envelope[33:].decode(), envelope[1:33])


def _cipher(key: ec.EllipticCurvePrivateKey, point: bytes, salt: bytes) -> AESGCM:
    try:
        other = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        raise DeliveryError("not a public key: 65 bytes of a P-256 point") from None
    secret = key.exchange(ec.ECDH(), other)
    derived = HKDF(SHA256(), length=32, salt=salt, info=_LABEL).derive(secret)
    return AESGCM(derived)
