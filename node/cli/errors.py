"""Errors that a user of the command line can act on, and the exit code of each.

Raise `CommandError` with a sentence that says what is wrong and what to do next.
The dispatcher prints any exception that has an `exit_code` without a traceback, so
that sibling packages can define theirs without importing this one.
"""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every `chandlery` command."""

    OK = 0
    CHECK_FAILED = 1
    USAGE = 2
    REFUSED_FOR_SAFETY = 3
    STORAGE = 4
    INVALID_MEASUREMENT = 5


class CommandError(Exception):
    """What is wrong and what to do next."""

    def __init__(self, message: str, exit_code: Exit = Exit.USAGE) -> None:
        super().__init__(message)
        self.exit_code = exit_code
