"""Dispatch of `chandlery COMMAND`: commands are entry points, loaded when called.

Any installed package may add a command to the group `chandlery.commands`: the entry
point's name is the command, its value a function `configure(parser)` that adds
arguments and calls `parser.set_defaults(run=function)`; `run(arguments)` returns the
exit code. No package imports a sibling to be dispatched.
"""

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint, entry_points, version

from node.cli.errors import CommandError, Exit

GROUP = "chandlery.commands"

Run = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; no traceback reaches the user."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _dispatch(words)
    except BrokenPipeError:
        # The reader of our output went away (`| head`): not an error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        print("\nchandlery: stopped by Ctrl-C", file=sys.stderr)
        return 128 + signal.SIGINT
    except Exception as error:
        return _explain(error)


def _explain(error: Exception) -> int:
    """Print what went wrong as one line; the traceback only for those who ask."""
    if os.environ.get("CHANDLERY_DEBUG"):
        traceback.print_exc()
    exit_code: int | None = getattr(error, "exit_code", None)
    if exit_code is not None:
        print(f"chandlery: {error}", file=sys.stderr)
        return int(exit_code)
    if isinstance(error, OSError):
        where = f" ({error.filename})" if error.filename else ""
        print(f"chandlery: {error.strerror or error}{where}", file=sys.stderr)
        return int(Exit.STORAGE)
    print(
        f"chandlery: internal error: {type(error).__name__}: {error}\n"
        "Please report it with the output of the same command and CHANDLERY_DEBUG=1.",
        file=sys.stderr,
    )
    return 70  # EX_SOFTWARE of sysexits.h


def _dispatch(words: list[str]) -> int:
    commands = {entry.name: entry for entry in entry_points(group=GROUP)}
    if not words or words[0] in {"-h", "--help", "help"}:
        _print_overview(commands)
        return int(Exit.OK if words else Exit.USAGE)
    if words[0] == "--version":
        print(f"chandlery {version('chandlery')}")
        return int(Exit.OK)
    name = words[0]
    if name not in commands:
        known = ", ".join(sorted(commands))
        raise CommandError(f"there is no command '{name}'; there are: {known}")
    parser = _parser(name, commands[name])
    arguments = parser.parse_args(words[1:])
    run: Run | None = getattr(arguments, "run", None)
    if run is None:
        parser.print_help(sys.stderr)
        return int(Exit.USAGE)
    return run(arguments)


def _parser(name: str, entry: EntryPoint) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"chandlery {name}")
    configure: Callable[[argparse.ArgumentParser], None] = entry.load()
    configure(parser)
    return parser


def _print_overview(commands: dict[str, EntryPoint]) -> None:
    print("usage: chandlery COMMAND [ARGUMENTS]\n\ncommands:")
    for name in sorted(commands):
        description = _parser(name, commands[name]).description or ""
        print(f"  {name:<12}{description.splitlines()[0] if description else ''}")
    print("\n`chandlery COMMAND --help` tells more of each.")
