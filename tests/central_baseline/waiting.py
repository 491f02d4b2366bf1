"""Waiting for something to become true, with a deadline."""

import asyncio
import time
from collections.abc import Callable

DEADLINE_S = 30
POLL_S = 0.02


async def until(holds: Callable[[], bool]) -> None:
    """Return once `holds()` is true; TimeoutError past the deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not true after {DEADLINE_S} s")
        await asyncio.sleep(POLL_S)
