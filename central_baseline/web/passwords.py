"""Passwords: argon2id, off the event loop, with a bound on how much of it runs.

Each check costs tens of milliseconds and 19 MiB on purpose. The promise: at most
`PARALLEL` run at once and `MAX_WAITING` wait; past that the request is refused, so that
a flood of logins cannot starve the shop. Parameters are OWASP's minimum for argon2id.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from central_baseline.web.refusals import RETRY_AFTER_S, Refusal

PARALLEL = 2
MAX_WAITING = 32
MAX_FAILURES = 5  # per name in FAILURE_WINDOW_S
FAILURE_WINDOW_S = 60.0
MAX_NAMES_WATCHED = 10_000
MIN_LENGTH = 10
MAX_LENGTH = 128

T = TypeVar("T")


class Passwords:
    """Hashes and checks, and counts the failures of each name."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._threads = ThreadPoolExecutor(PARALLEL, thread_name_prefix="argon2")
        self._waiting = 0
        self._failures: OrderedDict[str, tuple[float, int]] = OrderedDict()
        # Checked when nobody has the name, so that the time taken tells nothing.
        self._decoy = self._hasher.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        """The encoded argon2id hash."""
        return await self._run(self._hasher.hash, password)

    async def matches(self, name: str, password: str, encoded: str | None) -> bool:
        """Whether the password is right; Refusal 429 after too many that were not."""
        self._refuse_guessing(name)
        right = await self._run(self._verify, encoded or self._decoy, password)
        if right and encoded is not None:
            self._failures.pop(name, None)
            return True
        self._count_failure(name)
        return False

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, function: Callable[..., T], *values: str) -> T:
        if self._waiting >= MAX_WAITING:
            raise Refusal(
                503,
                "overloaded",
                "too many logins at once; try again",
                {"Retry-After": RETRY_AFTER_S},
            )
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, function, *values)
        finally:
            self._waiting -= 1

    def _verify(self, encoded: str, password: str) -> bool:
        try:
            return self._hasher.verify(encoded, password)
        except (VerificationError, InvalidHashError):
            return False

    def _refuse_guessing(self, name: str) -> None:
        since, count = self._failures.get(name, (0.0, 0))
        if time.monotonic() - since > FAILURE_WINDOW_S:
            self._failures.pop(name, None)
        elif count >= MAX_FAILURES:
            raise Refusal(
                429,
                "too_many_attempts",
                "too many wrong passwords for this name; wait a minute",
                {"Retry-After": str(int(FAILURE_WINDOW_S))},
            )

    def _count_failure(self, name: str) -> None:
        since, count = self._failures.get(name, (time.monotonic(), 0))
        self._failures[name] = (since, count + 1)
        while len(self._failures) > MAX_NAMES_WATCHED:
            self._failures.popitem(last=False)
