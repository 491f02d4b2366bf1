"""Errors of the bench that a user of the command line can act on."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes, the same as those of every `chandlery` command."""

    OK = 0
    CHECK_FAILED = 1
    USAGE = 2
    STORAGE = 4
    INVALID_MEASUREMENT = 5


class BenchError(Exception):
    """What is wrong and what to do next; printed without a traceback."""

    def __init__(self, message: str, exit_code: Exit = Exit.USAGE) -> None:
        super().__init__(message)
        self.exit_code = exit_code
