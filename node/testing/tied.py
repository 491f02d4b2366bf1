"""Runs a module as a process that ends with its parent: `python -m node.testing.tied
MODULE ARGUMENTS`.

A run of tests may end without tearing anything down (SIGKILL, a hard timeout); what it
started must not stay behind. The parent holds the other end of standard input and never
writes: when that closes, for whatever reason, this process gets SIGTERM, and is ended
after GRACE_S if it does not hear.
"""

import os
import runpy
import signal
import sys
import threading
import time

STANDARD_INPUT = 0
GRACE_S = 10.0


def run(module: str, arguments: list[str]) -> None:
    """Run the module as `python -m` does, until the parent is gone."""
    threading.Thread(target=_end_with_parent, name="tied", daemon=True).start()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _end_with_parent() -> None:
    # Not sys.stdin: a daemon thread in there would hold its lock at the exit.
    while os.read(STANDARD_INPUT, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os._exit(1)


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2:])
