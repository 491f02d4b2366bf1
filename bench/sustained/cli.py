"""`chandlery bench sustained`: what it takes and what it prints."""

import argparse
import json
from pathlib import Path

from bench.errors import Exit


def configure_sustained(parser: argparse.ArgumentParser) -> None:
    """Arguments of `chandlery bench sustained`."""
    parser.description = (
        "Offer signed orders to a running network at a constant rate; print one JSON "
        "document of figures."
    )
    parser.add_argument("directory", type=Path, help="a running network's folder")
    parser.add_argument("--shop", required=True, help="the contract's address")
    parser.add_argument("--rate", type=float, default=80.0, help="orders/s offered")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--batch", type=int, default=1, help="orders a request")
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--profile",
        action="store_true",
        help="also where the CPU goes: by thread and phase, with page faults",
    )
    what.add_argument(
        "--overload",
        type=float,
        metavar="FACTOR",
        help="then offer FACTOR times the rate, by customers who try again; exit code "
        "1 if less than four fifths of the orders/s remain, or an accepted one is lost",
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    import asyncio

    from bench.sustained.measure import Plan, measure
    from bench.sustained.overload import compare

    plan = Plan(
        arguments.directory,
        arguments.shop,
        arguments.rate,
        arguments.seconds,
        arguments.batch,
        arguments.profile,
    )
    if arguments.overload is None:
        print(json.dumps(asyncio.run(measure(plan)), indent=1))
        return Exit.OK
    found = asyncio.run(compare(plan, arguments.overload))
    print(json.dumps(found, indent=1))
    return Exit.OK if found["holds"] else Exit.CHECK_FAILED
