"""Keys for the shop's commands: read from files, never from arguments.

A key file is a Web3 Secret Storage file (password from CHANDLERY_PASSWORD or asked for)
or 32 bytes in hex. A file that others may read is refused. `accounts.json` of a local
network holds keys of accounts for demonstration, in the clear. The delivery key is a
P-256 key in a PEM file.
"""

import getpass
import json
import os
import stat
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from eth_account import Account
from eth_account.signers.local import LocalAccount

from shop_contract.errors import REFUSED_FOR_SAFETY, USAGE, ShopError


def load_account(path: Path) -> LocalAccount:
    """The account of a key file. Raises ShopError."""
    text = _private_text(path)
    try:
        if text.startswith("{"):
            keystore = json.loads(text)
            if "crypto" not in keystore:
                raise ValueError("no Web3 Secret Storage")
            secret = bytes(Account.decrypt(keystore, _password(path)))
        else:
            secret = bytes.fromhex(text.removeprefix("0x"))
        account: LocalAccount = Account.from_key(secret)
        return account
    except (ValueError, KeyError, TypeError) as error:
        raise ShopError(f"{path} holds no usable key: {error}", USAGE) from None


def load_demo_accounts(path: Path) -> list[LocalAccount]:
    """The accounts in a local network's accounts.json. May raise ShopError."""
    try:
        rows: Any = json.loads(_private_text(path))
        if not isinstance(rows, list) or not rows:
            raise ValueError("no list of accounts")
        return [Account.from_key(row["private_key"]) for row in rows]
    except (ValueError, KeyError, TypeError):
        raise ShopError(
            f"{path} is no accounts.json of a network that has some", USAGE
        ) from None


def load_or_make_delivery_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """The key that opens delivery envelopes; a missing file is made, for its owner's
    eyes only. Raises ShopError. Whoever loses this key loses the addresses."""
    if not path.exists():
        made = ec.generate_private_key(ec.SECP256R1())
        pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
                file.write(pem)
        except OSError as error:
            raise ShopError(f"cannot write the key file {path}: {error}") from None
        return made
    try:
        key = load_pem_private_key(_private_text(path).encode(), password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise ShopError(f"{path} holds no P-256 private key in PEM", USAGE)
    return key


def _private_text(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ShopError(f"cannot read the key file {path}: {error}", USAGE) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ShopError(
            f"others may read the key file {path}: chmod 600 {path}",
            REFUSED_FOR_SAFETY,
        )
    return text


def _password(path: Path) -> str:
    return os.environ.get("CHANDLERY_PASSWORD") or getpass.getpass(
        f"password of {path}: "
    )
