"""A node's key on disk: Web3 Secret Storage v3 (scrypt), read by its owner alone.

A key file or password file that others can read is refused: the node does not start.
The password comes from CHANDLERY_PASSWORD or from the file `password` beside the key.
"""

import json
import os
import secrets
import stat
from pathlib import Path

from node.primitives.secp256k1 import PrivateKey
from node.primitives.types import Address, address
from node.storage.keyfile import decrypt, encrypt

# The standard's light parameter (8 MiB): nodes of a local network start in a second.
# A key that guards value gets the standard one: `chandlery keys new --strong`.
LIGHT_SCRYPT_N = 8_192
STRONG_SCRYPT_N = 262_144
KEY_FILE = "key.json"
PASSWORD_FILE = "password"
PASSWORD_VARIABLE = "CHANDLERY_PASSWORD"


class KeyFileError(Exception):
    """The key cannot be used; says why and what to do."""

    exit_code = 3


def write_private(path: Path, content: bytes) -> None:
    """Create a file that only its owner may read; an existing one is not replaced."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def save_key(path: Path, key: PrivateKey, password: str, n: int) -> None:
    """Write the key as a v3 keystore. Raises FileExistsError."""
    keystore = encrypt(key.secret, key.address, password, n)
    write_private(path, json.dumps(keystore, indent=1).encode() + b"\n")


def create_node_key(directory: Path, n: int = LIGHT_SCRYPT_N) -> PrivateKey:
    """Make a key and its password file in a node directory."""
    key = PrivateKey.generate()
    password = secrets.token_urlsafe(24)
    write_private(directory / PASSWORD_FILE, password.encode() + b"\n")
    save_key(directory / KEY_FILE, key, password, n)
    return key


def load_node_key(directory: Path) -> PrivateKey:
    """The key of a node directory. Raises KeyFileError."""
    return load_key(directory / KEY_FILE, directory / PASSWORD_FILE)


def node_address(directory: Path) -> Address:
    """The address that the key file states, without decrypting it."""
    path = directory / KEY_FILE
    try:
        stated = json.loads(_read_private(path))["address"]
        return address(bytes.fromhex(stated.removeprefix("0x")))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise KeyFileError(f"{path} is no v3 keystore with an address") from None


def load_key(path: Path, password_path: Path | None = None) -> PrivateKey:
    """Decrypt a v3 keystore. Raises KeyFileError with what to do next."""
    content = _read_private(path)
    password = os.environ.get(PASSWORD_VARIABLE)
    if password is None:
        if password_path is None or not password_path.exists():
            raise KeyFileError(f"no password for {path}: set {PASSWORD_VARIABLE}")
        password = _read_private(password_path).decode().strip()
    try:
        keystore = json.loads(content)
        return PrivateKey(decrypt(keystore, password))
    except ValueError as error:
        raise KeyFileError(
            f"{path} cannot be decrypted: {error}; is it a v3 keystore, and is the "
            "password the one it was made with?"
        ) from None


def _read_private(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        if stat.S_IMODE(mode) & 0o077:
            raise KeyFileError(
                f"{path} can be read by others (mode {stat.S_IMODE(mode):04o}): "
                f"run `chmod 600 {path}` and think about who has seen it"
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise KeyFileError(
            f"{path} is missing: restore it from your copy, or make a new node with "
            "`chandlery init`"
        ) from None
