"""`chandlery status URL`: where a node stands."""

import argparse
from typing import Any

from node.cli.output import add_json_flag, print_json, print_table
from node.cli.rpc_client import call

DEFAULT_URL = "http://127.0.0.1:8545"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `chandlery status`."""
    parser.description = "where a node stands: height, round, peers, pool"
    parser.add_argument("url", nargs="?", default=DEFAULT_URL)
    add_json_flag(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the node's status."""
    status = call(arguments.url, "qbft_status")
    if arguments.json:
        print_json(status)
        return 0
    for name, value in summary(status):
        print(f"{name:<12}{value}")
    print()
    print_table(
        ("validator", "connected", "heard in this round"),
        [
            (row["address"], _yes(row["connected"]), ", ".join(row["heard"]) or "-")
            for row in status["validators"]
        ],
    )
    return 0


def summary(status: dict[str, Any]) -> list[tuple[str, str]]:
    """The lines above the table."""
    consensus = status["consensus"]
    head = status["head"]
    return [
        ("chain", str(status["chain_id"])),
        ("head", f"{head['height']}  {head['hash']}  {head['age_s']:.1f} s old"),
        ("consensus", f"height {consensus['height']}, round {consensus['round']}"),
        ("signing", consensus["signing"]),
        ("executor", status["executor"]),
        ("pool", f"{status['pool']['executable']} executable"),
        ("peers", str(len(status["peers"]))),
    ]


def _yes(value: bool) -> str:
    return "yes" if value else "no"
