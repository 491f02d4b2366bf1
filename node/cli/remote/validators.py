"""`chandlery validators list`: who signs blocks."""

import argparse
from typing import Any

from node.cli.output import add_json_flag, print_json, print_table
from node.cli.remote.status import DEFAULT_URL
from node.cli.rpc_client import call


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `chandlery validators`."""
    parser.description = "list validators"
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="who signs the next block")
    listing.add_argument("url", nargs="?", default=DEFAULT_URL)
    listing.add_argument("--block", default="latest", help="as of this block")
    add_json_flag(listing)
    listing.set_defaults(run=run_list)


def run_list(arguments: argparse.Namespace) -> int:
    """One row a validator."""
    members = call(
        arguments.url, "qbft_getValidatorsByBlockNumber", _block(arguments.block)
    )
    status = call(arguments.url, "qbft_status")
    known: dict[str, Any] = {row["address"]: row for row in status["validators"]}
    rows = [
        {"address": member, "connected": known.get(member, {}).get("connected")}
        for member in members
    ]
    if arguments.json:
        print_json({"validators": rows, "quorum": status["quorum"]})
        return 0
    print_table(
        ("validator", "connected"),
        [(row["address"], "yes" if row["connected"] else "no") for row in rows],
    )
    print(f"\nquorum: {status['quorum']} of {len(rows)}")
    return 0


def _block(text: str) -> str:
    return hex(int(text)) if text.isdecimal() else text
