"""A process that ends with its parent."""

import signal
import subprocess
import sys

SERVES = ("http.server", "--bind", "127.0.0.1", "0")
TIMEOUT_S = 60


def tied(*command: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "node.testing.tied", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def test_it_runs_until_the_other_end_of_its_input_closes() -> None:
    with tied(*SERVES) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert b"Serving" in process.stdout.readline()
        process.stdin.write(b"anything")
        process.stdin.flush()
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(TIMEOUT_S) == -signal.SIGTERM


def test_it_ends_as_the_module_does() -> None:
    with tied("compileall", "--no-such-option") as process:
        assert process.wait(TIMEOUT_S) == 2
