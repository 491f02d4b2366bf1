"""`chandlery replay LOG`: step through a recorded event log."""

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

from node.cli.errors import CommandError

PAGE = 20
SHORT_HEX = 16


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `chandlery replay`."""
    parser.description = "step through the event log of a simulated network"
    parser.add_argument("log", help="what `chandlery simulate --log` wrote")
    parser.add_argument("--host", help="only this host's events and effects: A, B, ...")
    parser.add_argument("--from", dest="first", type=int, default=1, metavar="STEP")
    parser.add_argument("--steps", type=int, help="so many, without stopping")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print steps; on a terminal stop after each page for Enter, or q to end."""
    pauses = sys.stdin.isatty() and sys.stdout.isatty() and arguments.steps is None
    shown = 0
    for number, text in steps(arguments.log, arguments.host):
        if number < arguments.first:
            continue
        if arguments.steps is not None and shown >= arguments.steps:
            break
        print(f"{number:>6}  {text}")
        shown += 1
        if pauses and shown % PAGE == 0 and input("-- Enter or q: ") == "q":
            break
    return 0


def steps(path: str, host: str | None) -> Iterator[tuple[int, str]]:
    """(number, text) of every step. Raises CommandError for what is no event log."""
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                document = json.loads(line)
                if "line" in document and host is None:
                    yield number, document["line"]
                elif "entry" in document and host in (None, document["host"]):
                    yield number, f"{document['host']:<2} {describe(document['entry'])}"
            except (ValueError, KeyError, TypeError) as error:
                raise CommandError(
                    f"{path}: line {number} is no step of an event log ({error}); "
                    "`chandlery simulate --seed N --log FILE` writes one"
                ) from error


def describe(entry: dict[str, Any]) -> str:
    """One event or effect in a line; long bytes are cut."""
    words = [f"{name}={_short(v)}" for name, v in entry.items() if name != "type"]
    return " ".join([entry["type"], *words])


def _short(value: Any) -> str:
    if isinstance(value, dict):
        inner = [f"{name}={_short(v)}" for name, v in value.items() if name != "type"]
        return f"{value.get('type', '')}({' '.join(inner)})"
    if isinstance(value, list):
        shown = ",".join(_short(item) for item in value[:4])
        return f"[{shown}{',...' if len(value) > 4 else ''}]"
    text = str(value)
    return text if len(text) <= SHORT_HEX else text[:SHORT_HEX] + ".."
