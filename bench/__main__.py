"""`python -m bench`: the bench without the other packages' commands."""

import argparse
import sys

from bench.cli import configure
from bench.errors import BenchError


def main() -> int:
    """Run one bench command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    configure(parser)
    arguments = parser.parse_args()
    if not hasattr(arguments, "run"):
        parser.print_help(sys.stderr)
        return 2
    try:
        return int(arguments.run(arguments))
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        print("\nbench: stopped by Ctrl-C", file=sys.stderr)
        return 130


if __name__ == "__main__":
    raise SystemExit(main())
