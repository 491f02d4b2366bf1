"""`chandlery recover NODE_DIR`: let a validator sign again whose safety log is lost.

Nothing can tell what the lost log said. A validator that signs again at a height where
it had signed before can help two blocks to become final; the operator says by this
command that this cannot happen: the key signs nowhere else, and the height named is
above all that it has signed. Without a height it is the one after the newest block
stored here: the validator may have been at work on that one, and the others make it.
When more than f validators lost their logs nobody makes it: then all are stopped, and
each that lost its log is recovered above the newest block that any of them holds.
"""

import argparse
import time
from pathlib import Path

from node.cli.errors import CommandError, Exit
from node.cli.output import add_json_flag, print_json


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `chandlery recover`."""
    parser.description = "let a validator sign again whose safety log is lost"
    parser.add_argument("directory", type=Path, metavar="NODE_DIR")
    parser.add_argument(
        "--above",
        type=int,
        metavar="HEIGHT",
        help="sign only above this height (default: the one after the newest block "
        "stored here; when more than f lost their logs: stop all nodes and name the "
        "newest block that any of them holds)",
    )
    parser.add_argument(
        "--i-understand",
        action="store_true",
        help="required: the key signs nowhere else, and nothing above HEIGHT yet",
    )
    add_json_flag(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Keep the old log beside, make a new one that forbids all up to the height."""
    from node.chain.genesis import load_genesis
    from node.storage.directory import StateDirectory
    from node.storage.keystore import node_address

    directory: Path = arguments.directory
    if not arguments.i_understand:
        raise CommandError(
            "a validator that contradicts its lost log can split the chain. Stop every "
            "copy of this node, then run again with --i-understand. If more than f "
            "validators lost their logs, stop all nodes first and add --above HEIGHT, "
            "the height of the newest block that any of them holds",
            Exit.REFUSED_FOR_SAFETY,
        )
    genesis = load_genesis(directory)
    opened = StateDirectory.open(directory)
    try:
        height, kept = opened.recover(
            genesis.digest,
            node_address(directory),
            arguments.above,
            time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
        )
    finally:
        opened.close()
    if arguments.json:
        print_json({"signs_above": height, "old_log": str(kept) if kept else None})
        return 0
    print(f"the node signs again, only above height {height}")
    if kept:
        print(f"the old log is kept as {kept}")
    return 0
