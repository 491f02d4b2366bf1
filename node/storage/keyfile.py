"""Web3 Secret Storage v3: a private key encrypted with a password.

Reads scrypt and PBKDF2 files of any tool, writes scrypt ones. Own code over the
`cryptography` and pycryptodome packages, since eth-keyfile imports pairing curves,
0.4 s of CPU at every start. Parameters are bounded, so that a hostile file cannot
take all memory. Source: the Web3 Secret Storage definition of ethereum.org.
"""

import hmac
import secrets
import uuid
from collections.abc import Mapping
from typing import Any

from Crypto.Protocol.KDF import scrypt
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from node.primitives.keccak import keccak256
from node.primitives.types import Address

MAX_SCRYPT_MEMORY_BYTES = 1 << 30
MAX_PBKDF2_ROUNDS = 10_000_000
DERIVED_BYTES = 32
SCRYPT_R, SCRYPT_P = 8, 1


class KeystoreError(ValueError):
    """Not a v3 keystore, or not its password; the message says which."""


def encrypt(secret: bytes, address: Address, password: str, n: int) -> dict[str, Any]:
    """The keystore of a 32-byte secret; `n` is scrypt's cost (a power of two)."""
    salt, nonce = secrets.token_bytes(32), secrets.token_bytes(16)
    parameters = {
        "dklen": DERIVED_BYTES,
        "n": n,
        "r": SCRYPT_R,
        "p": SCRYPT_P,
        "salt": salt.hex(),
    }
    derived = _derive("scrypt", parameters, password)
    ciphertext = _cipher(derived, nonce, secret)
    return {
        "version": 3,
        "id": str(uuid.uuid4()),
        "address": address.hex(),
        "crypto": {
            "cipher": "aes-128-ctr",
            "cipherparams": {"iv": nonce.hex()},
            "ciphertext": ciphertext.hex(),
            "kdf": "scrypt",
            "kdfparams": parameters,
            "mac": keccak256(derived[16:32] + ciphertext).hex(),
        },
    }


def decrypt(keystore: Mapping[str, Any], password: str) -> bytes:
    """The secret. Raises KeystoreError."""
    try:
        if keystore["version"] != 3:
            raise KeystoreError(f"version {keystore['version']} is not 3")
        crypto = keystore.get("crypto") or keystore["Crypto"]
        if crypto["cipher"] != "aes-128-ctr":
            raise KeystoreError(f"unknown cipher {crypto['cipher']!r}")
        derived = _derive(crypto["kdf"], crypto["kdfparams"], password)
        ciphertext = bytes.fromhex(crypto["ciphertext"])
        mac = keccak256(derived[16:32] + ciphertext)
        if not hmac.compare_digest(mac, bytes.fromhex(crypto["mac"])):
            raise KeystoreError("the password is wrong")
        nonce = bytes.fromhex(crypto["cipherparams"]["iv"])
    except (KeyError, TypeError, AttributeError) as error:
        raise KeystoreError(f"a v3 keystore has {error}") from None
    return _cipher(derived, nonce, ciphertext)


def _derive(kdf: str, parameters: Mapping[str, Any], password: str) -> bytes:
    salt = bytes.fromhex(parameters["salt"])
    length = parameters["dklen"]
    if length < DERIVED_BYTES:
        raise KeystoreError(f"dklen {length} is too short")
    if kdf == "scrypt":
        n, r, p = (parameters[name] for name in ("n", "r", "p"))
        if 128 * n * r > MAX_SCRYPT_MEMORY_BYTES:
            raise KeystoreError(f"scrypt n={n}, r={r} takes more than 1 GiB")
        # Not OpenSSL's: it refuses n >= 2^16 with r = 1, which old wallets wrote.
        return bytes(scrypt(password, salt, length, n, r, p))  # type: ignore[arg-type]
    if kdf == "pbkdf2" and parameters["prf"] == "hmac-sha256":
        rounds = parameters["c"]
        if rounds > MAX_PBKDF2_ROUNDS:
            raise KeystoreError(f"{rounds} rounds of PBKDF2 are too many")
        return PBKDF2HMAC(SHA256(), length, salt, rounds).derive(password.encode())
    raise KeystoreError(f"unknown key derivation {kdf!r}")


def _cipher(derived: bytes, nonce: bytes, data: bytes) -> bytes:
    return (
        Cipher(AES(derived[:16]), CTR(nonce.rjust(16, b"\0"))).encryptor().update(data)
    )
