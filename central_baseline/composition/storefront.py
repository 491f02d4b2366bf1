"""What the storefront is told of a rung: which world it is, when an order counts, and
the key that customers' addresses are sealed for.

The private key stays in the rung's folder, readable by its owner alone; no server needs
it. Whoever loses it loses the addresses.
"""

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from central_baseline.errors import StorageError


def page_facts(rung: str, durability: str, folder: Path) -> dict[str, str]:
    """The page's config.json."""
    return {
        "world": "central",
        "rung": rung,
        "durability": durability,
        "delivery_key": "0x" + public_key_of(delivery_pem(folder)).hex(),
    }


def delivery_pem(folder: Path) -> bytes:
    """The private key of a folder; made when there is none."""
    path = folder / "delivery.pem"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return _make(path)
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error


def public_key_of(pem: bytes) -> bytes:
    """An uncompressed P-256 point."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise StorageError(f"delivery.pem holds no private key: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise StorageError("delivery.pem holds no P-256 key: put the shop's own there")
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _make(path: Path) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    return pem
