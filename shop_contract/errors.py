"""Errors of the shop's commands: a sentence that says what to do, and an exit code."""


class ShopError(Exception):
    """What is wrong and what to do next; the dispatcher prints it as one line."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


USAGE = 2
REFUSED_FOR_SAFETY = 3
