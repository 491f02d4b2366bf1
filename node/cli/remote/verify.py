"""`chandlery verify ORDER.json --trust genesis.json`: check a receipt, offline."""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from node.cli.errors import CommandError, Exit
from node.cli.output import add_json_flag, print_json

if TYPE_CHECKING:
    from node.chain.proofs.order import ProvenOrder

MAX_RECEIPT_BYTES = 16 * 1024 * 1024
LATER = "What happened after the last event here, a receipt cannot know."


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `chandlery verify`."""
    parser.description = "check an order's receipt offline, from the genesis file alone"
    parser.add_argument("receipt", type=Path, metavar="ORDER.json")
    parser.add_argument(
        "--trust",
        type=Path,
        required=True,
        metavar="genesis.json",
        help="genesis file of the network, from somebody you believe",
    )
    parser.add_argument(
        "--shop", metavar="ADDRESS", help="also check that the receipt is of this shop"
    )
    add_json_flag(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the verdict; exit code 1 and the reason when it does not hold."""
    from node.chain.genesis import parse_genesis
    from node.chain.proofs.finality import ProofInvalid
    from node.chain.proofs.order import verify_order

    genesis = parse_genesis(_read(arguments.trust))
    try:
        document = json.loads(_read(arguments.receipt))
    except ValueError as error:
        raise CommandError(f"{arguments.receipt} is not JSON: {error}") from None
    try:
        proven = verify_order(document, genesis)
        if arguments.shop and arguments.shop.lower() != "0x" + proven.shop.hex():
            raise ProofInvalid(f"shop: the receipt is of 0x{proven.shop.hex()}")
    except ProofInvalid as error:
        if arguments.json:
            print_json({"valid": False, "reason": str(error)})
        else:
            print(f"INVALID  {error}")
        return int(Exit.CHECK_FAILED)
    if arguments.json:
        print_json({"valid": True, **_verdict(proven)})
    else:
        _print_verdict(proven, genesis.digest)
    return int(Exit.OK)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_RECEIPT_BYTES + 1)
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from None
    if len(data) > MAX_RECEIPT_BYTES:
        raise CommandError(f"{path} is larger than {MAX_RECEIPT_BYTES} bytes")
    return data


def _verdict(proven: "ProvenOrder") -> dict[str, Any]:
    signed, validators = proven.signatures
    return {
        "shop": "0x" + proven.shop.hex(),
        "order_id": proven.order_id,
        "status": proven.events[-1].get("status", "paid"),
        "events": list(proven.events),
        "signatures": signed,
        "validators": validators,
        "note": LATER,
    }


def _print_verdict(proven: "ProvenOrder", genesis_hash: bytes) -> None:
    signed, validators = proven.signatures
    placed = proven.events[0]
    print(f"VALID    order {proven.order_id} of the shop at 0x{proven.shop.hex()}")
    print(f"buyer    {placed['buyer']}")
    print(
        f"candles  {placed['quantity']} of shape {placed['shape']}, size "
        f"{placed['size']}, scent {placed['scent']}; {placed['total']} wei in all"
    )
    for event in proven.events:
        moment = datetime.fromtimestamp(event["time"], UTC).isoformat(" ")
        status = event.get("status", "placed and paid")
        print(f"         {moment}  block {event['block']}: {status}")
    print(
        f"final    {signed} of {validators} validators signed the last of these blocks;"
        f" trusted: genesis 0x{genesis_hash.hex()}"
    )
    print(f"note     {LATER}")
