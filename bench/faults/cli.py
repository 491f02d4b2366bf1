"""`chandlery bench faults`: which faults this machine can make, and by what means."""

import argparse
import json

from bench.errors import Exit


def configure_faults(parser: argparse.ArgumentParser) -> None:
    """Arguments of `chandlery bench faults`."""
    parser.description = "Which faults can be made on this machine, how, and why not."
    parser.add_argument("--json", action="store_true", help="print as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    from bench.faults.capability import capabilities, lines

    if arguments.json:
        print(json.dumps([item.as_json() for item in capabilities()], indent=1))
    else:
        print("\n".join(lines()))
    return Exit.OK
