"""Questions to peers and their answers, matched by peer and number.

An answer that was not asked for is ignored; a question that is not answered in time,
or whose peer goes away, gives None. The caller asks somebody else then.
"""

import asyncio
from collections.abc import Callable

from node.driver.ports import Network, WireMessage
from node.primitives.types import Address
from node.sync.messages import BlockByDigest

MAX_OPEN = 256


class Requests:
    """Open questions, MAX_OPEN at most."""

    def __init__(self, network: Network, timeout_ms: int) -> None:
        self._network = network
        self._timeout_s = timeout_ms / 1000
        self._next_id = 1
        self._open: dict[tuple[Address, int], asyncio.Future[BlockByDigest | None]] = {}

    async def ask(
        self, peer: Address, question_of: Callable[[int], WireMessage]
    ) -> BlockByDigest | None:
        """Send `question_of(number)` and wait for its answer; None when none comes."""
        if len(self._open) >= MAX_OPEN:
            return None
        number = self._next_id
        self._next_id += 1
        loop = asyncio.get_running_loop()
        future: asyncio.Future[BlockByDigest | None] = loop.create_future()
        timer = loop.call_later(self._timeout_s, _give_up, future)
        self._open[peer, number] = future
        try:
            self._network.send(peer, question_of(number))
            return await future
        finally:
            timer.cancel()
            del self._open[peer, number]

    def on_answer(self, peer: Address, answer: BlockByDigest) -> None:
        """Hand an answer to who asked."""
        future = self._open.get((peer, answer.request_id))
        if future is not None and not future.done():
            future.set_result(answer)

    def on_disconnected(self, peer: Address) -> None:
        """It will not answer."""
        for (asked, _), future in list(self._open.items()):
            if asked == peer:
                _give_up(future)


def _give_up(future: "asyncio.Future[BlockByDigest | None]") -> None:
    if not future.done():
        future.set_result(None)
