"""`chandlery keys new|import|show`: key files (Web3 Secret Storage v3)."""

import argparse
import getpass
import os
from pathlib import Path
from typing import TYPE_CHECKING

from node.cli.errors import CommandError
from node.cli.output import add_json_flag, print_json

if TYPE_CHECKING:
    from node.primitives.types import Address


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `chandlery keys`."""
    parser.description = "make, import and show key files"
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    new = actions.add_parser("new", help="make a key file")
    importing = actions.add_parser("import", help="make a key file from a raw key")
    importing.add_argument("--from", dest="source", type=Path, required=True)
    show = actions.add_parser("show", help="print the address of a key file")
    for action, run in ((new, run_new), (importing, run_import), (show, run_show)):
        action.add_argument("file", type=Path)
        add_json_flag(action)
        action.set_defaults(run=run)


def run_new(arguments: argparse.Namespace) -> int:
    """Write a fresh key with the standard scrypt parameters."""
    from node.primitives.secp256k1 import PrivateKey

    return _save(arguments, PrivateKey.generate().secret)


def run_import(arguments: argparse.Namespace) -> int:
    """Write a key whose 32 bytes stand in a file as hex."""
    text = arguments.source.read_text().strip().removeprefix("0x")
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        raise CommandError(f"{arguments.source} holds no hex") from None
    return _save(arguments, secret)


def run_show(arguments: argparse.Namespace) -> int:
    """Decrypt to be sure, and print the address."""
    from node.storage.keystore import load_key

    if "CHANDLERY_PASSWORD" not in os.environ:
        os.environ["CHANDLERY_PASSWORD"] = getpass.getpass("password: ")
    return _print(arguments, load_key(arguments.file).address)


def _save(arguments: argparse.Namespace, secret: bytes) -> int:
    from node.primitives.secp256k1 import PrivateKey
    from node.storage.keystore import STRONG_SCRYPT_N, save_key

    try:
        key = PrivateKey(secret)
    except ValueError as error:
        raise CommandError(f"not a private key: {error}") from None
    password = os.environ.get("CHANDLERY_PASSWORD") or getpass.getpass("password: ")
    if not password:
        raise CommandError("an empty password protects nothing: choose one")
    try:
        save_key(arguments.file, key, password, STRONG_SCRYPT_N)
    except FileExistsError:
        raise CommandError(f"{arguments.file} exists; it is never replaced") from None
    return _print(arguments, key.address)


def _print(arguments: argparse.Namespace, address: "Address") -> int:
    from node.primitives.checksum import to_checksum_address

    text = to_checksum_address(address)
    if arguments.json:
        print_json({"address": text, "file": str(arguments.file)})
    else:
        print(text)
    return 0
