"""One event loop on a thread of its own, for chains and links that tests use.

Tests are synchronous or have loops of their own; what they talk to lives here.
"""

import asyncio
import threading
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")

STOP_TIMEOUT_S = 10.0


class Background:
    """The loop; `run` waits for a result, `call` gives it to an event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="chandlery-testing", daemon=True
        )
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], timeout_s: float | None = None) -> T:
        """The result, from any thread but the loop's own. Raises what it raises."""
        return self._submit(work).result(timeout_s)

    async def call(self, work: Coroutine[Any, Any, T]) -> T:
        """The result, for a caller with a loop of its own."""
        return await asyncio.wrap_future(self._submit(work))

    def _submit(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def stop(self) -> None:
        """End the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_TIMEOUT_S)
        if not self._thread.is_alive():
            self._loop.close()
