"""Waiting for other processes, always with a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

DEADLINE_S = 60.0
POLL_S = 0.05


def wait_until(probe: Callable[[], T | None], what: str, within_s: float) -> T:
    """The first true answer of the probe. Raises TimeoutError that says `what`."""
    deadline = time.monotonic() + within_s
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within_s:g} s: {what}")
        time.sleep(POLL_S)  # the other side is a process that tells nobody
