"""The accounts that every dev chain has: ten keys of a mnemonic that everyone knows.

Sources: BIP-39 (seed), BIP-32 (derivation), BIP-44 (m/44'/60'/0'/0/n).
"""

import hashlib
import hmac
import unicodedata
from dataclasses import dataclass

import coincurve

from node.primitives.secp256k1 import ORDER, PrivateKey
from node.primitives.types import Address

MNEMONIC = "test test test test test test test test test test test junk"
BALANCE_WEI = 10_000 * 10**18
ACCOUNTS = 10
SEED_ROUNDS = 2_048
HARDENED = 1 << 31
PATH = (HARDENED + 44, HARDENED + 60, HARDENED, 0)


@dataclass(frozen=True, slots=True)
class _Node:
    secret: bytes
    chain_code: bytes

    def child(self, index: int) -> "_Node":
        """CKDpriv of BIP-32."""
        is_hardened = index >= HARDENED
        data = b"\0" + self.secret if is_hardened else _compressed(self.secret)
        mixed = hmac.digest(self.chain_code, data + index.to_bytes(4, "big"), "sha512")
        number = int.from_bytes(mixed[:32], "big") + int.from_bytes(self.secret, "big")
        return _Node((number % ORDER).to_bytes(32, "big"), mixed[32:])


def derive_accounts(
    mnemonic: str = MNEMONIC, count: int = ACCOUNTS
) -> list[PrivateKey]:
    """The first keys of a mnemonic, as wallets derive them."""
    words = unicodedata.normalize("NFKD", mnemonic).encode()
    seed = hashlib.pbkdf2_hmac("sha512", words, b"mnemonic", SEED_ROUNDS)
    master = hmac.digest(b"Bitcoin seed", seed, "sha512")
    node = _Node(master[:32], master[32:])
    for index in PATH:
        node = node.child(index)
    return [PrivateKey(node.child(index).secret) for index in range(count)]


def balances_of(keys: list[PrivateKey]) -> dict[Address, int]:
    """10,000 ether each, in wei."""
    return {key.address: BALANCE_WEI for key in keys}


def _compressed(secret: bytes) -> bytes:
    return coincurve.PublicKey.from_secret(secret).format(compressed=True)
