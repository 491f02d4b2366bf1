"""Errors a user of the ladder meets: one line that says what to do next.

Source of the exit codes: the command line's convention (2 usage, 3 refused for
safety, 4 storage, 1 a check failed).
"""


class CentralError(Exception):
    """Something the operator can act on; `exit_code` goes to the shell."""

    exit_code = 1


class UsageError(CentralError):
    """The command asked for something that does not exist or does not fit."""

    exit_code = 2


class RefusedError(CentralError):
    """Going on could harm data or a running system."""

    exit_code = 3


class StorageError(CentralError):
    """A disk or a database did not do what was asked."""

    exit_code = 4


class StartError(CentralError):
    """A server did not come up; the message ends with the last lines of its log."""
