"""One connected, authenticated peer: a bounded queue out, decoded messages in.

Sending never blocks: frames are queued and a task writes them, joined into one
WebSocket message where several wait (large answers give way to all else). What a peer
may cost is bounded: its queue (then it is too slow and is disconnected), the frames it
sends a second and what they cost (then it floods), its bytes (then reading pauses), the
size of a message, and its share of the loop.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import TypeAlias

import aiohttp
from aiohttp import WSMsgType, web

from node.primitives.types import Address
from node.transport import limits
from node.transport.frames import FrameError, Lane

Socket: TypeAlias = "web.WebSocketResponse | aiohttp.ClientWebSocketResponse"


class Allowance:
    """A bucket that fills at `per_s` up to `most`, and is full at first."""

    __slots__ = ("_at_s", "_left", "_most", "_per_s")

    def __init__(self, per_s: int, most: int) -> None:
        self._per_s, self._most = per_s, most
        self._left = float(most)
        self._at_s = time.monotonic()

    def spend(self, amount: int) -> float:
        """Take it out; for how many seconds it is overdrawn, 0 when it is not."""
        now_s = time.monotonic()
        gained = (now_s - self._at_s) * self._per_s
        self._at_s = now_s
        self._left = min(self._most, self._left + gained) - amount
        return max(0.0, -self._left / self._per_s)

    @property
    def is_rested(self) -> bool:
        """Whether at least half is left: it was not used up for a while."""
        return self._left >= self._most / 2


class Peer:
    """A peer from its adoption to its end; `run` lives as long as the connection."""

    def __init__(
        self, address: Address, endpoint: str, inbound: bool, socket: Socket
    ) -> None:
        self.address = address
        self.endpoint = endpoint
        self.inbound = inbound
        self.height = 0
        self.ended_by = ""
        """Why this side ended the connection; empty while it has not."""
        self._socket = socket
        self._queue: deque[bytes] = deque()
        self._bulk: deque[bytes] = deque()
        self._queued_bytes = 0
        self._wake = asyncio.Event()
        self._end = asyncio.Event()
        self._frames = Allowance(limits.FRAMES_PER_S, limits.FRAMES_BURST)
        self._bytes = Allowance(limits.BYTES_PER_S, limits.BYTES_BURST)
        self._too_fast_since_s: float | None = None

    def enqueue(self, frame: bytes, lane: Lane) -> bool:
        """Queue a frame; a peer that cannot keep up is ended. False: not queued."""
        if self.ended_by:
            return False
        if lane is Lane.DROPPABLE and self._queued_bytes > limits.DROP_BYTES:
            return False
        gives_way = lane is Lane.BULK or (
            lane is Lane.DROPPABLE and self._queued_bytes > limits.COALESCE_BYTES
        )
        self._queued_bytes += len(frame)
        (self._bulk if gives_way else self._queue).append(frame)
        waiting = len(self._queue) + len(self._bulk)
        if (
            self._queued_bytes > limits.MAX_QUEUE_BYTES
            or waiting > limits.MAX_QUEUE_FRAMES
        ):
            self.end("too slow: its queue is full")
        self._wake.set()
        return True

    def end(self, reason: str) -> None:
        """Close the connection; what is queued is dropped."""
        if not self.ended_by:
            self.ended_by = reason
            self._queue.clear()
            self._bulk.clear()
            self._queued_bytes = 0
            self._end.set()

    async def run(self, on_data: Callable[["Peer", bytes], Iterator[int]]) -> str:
        """Read and write until either side ends it; returns why. Then `close`.

        `on_data` takes one WebSocket message and yields after each frame what it cost;
        its FrameError ends the connection and is raised.
        """
        tasks = [
            asyncio.ensure_future(self._read(on_data)),
            asyncio.ensure_future(self._write()),
            asyncio.ensure_future(self._end.wait()),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks[:2]:
                if task.done():
                    task.result()
            return self.ended_by or "the other side closed"
        except (ConnectionError, aiohttp.ClientError) as error:
            return self.ended_by or f"connection lost: {error or type(error).__name__}"
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, on_data: Callable[["Peer", bytes], Iterator[int]]) -> None:
        spent = 0
        async for message in self._socket:
            if message.type is WSMsgType.BINARY:
                costs = on_data(self, message.data)
            else:
                costs = await self._control(message)
            for cost in costs:
                await self._pace(cost)
                spent += cost
                if spent >= limits.YIELD_FRAMES:
                    spent = 0
                    await asyncio.sleep(0)
            if wait_s := self._bytes.spend(len(message.data)):
                await asyncio.sleep(wait_s)

    async def _pace(self, cost: int) -> None:
        """Wait when the peer sends too fast. Raises FrameError when it goes on so."""
        wait_s, now_s = self._frames.spend(cost), time.monotonic()
        if not wait_s:
            # A pause that took longer than it had to is no rest.
            if self._frames.is_rested:
                self._too_fast_since_s = None
            return
        if self._too_fast_since_s is None:
            self._too_fast_since_s = now_s
        elif now_s - self._too_fast_since_s > limits.FLOOD_S:
            raise FrameError(f"more than {limits.FRAMES_PER_S} frames a second")
        if wait_s > limits.PAUSE_S:
            await asyncio.sleep(wait_s)

    async def _control(self, message: aiohttp.WSMessage) -> Iterator[int]:
        """Answer a ping; what it costs. Raises FrameError for what carries nothing."""
        if message.type is WSMsgType.PING:
            await self._socket.pong(message.data)
        elif message.type is not WSMsgType.PONG:
            raise _fault(message)
        return iter((limits.PING_COST,))

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue or self._bulk:
                await self._socket.send_bytes(self._take())

    def _take(self) -> bytes:
        """The next WebSocket message: what waits, up to COALESCE_BYTES."""
        if not self._queue:
            frame = self._bulk.popleft()
            self._queued_bytes -= len(frame)
            return frame
        first = self._queue.popleft()
        size = len(first)
        parts = [first]
        while self._queue and len(parts) < limits.MAX_FRAMES_PER_MESSAGE:
            size += len(self._queue[0])
            if size > limits.COALESCE_BYTES:
                break
            parts.append(self._queue.popleft())
        self._queued_bytes -= sum(map(len, parts))
        return first if len(parts) == 1 else b"".join(parts)

    async def close(self) -> None:
        """Say goodbye; does not wait long for an answer."""
        code = aiohttp.WSCloseCode.GOING_AWAY
        message = self.ended_by.encode()[:120]
        try:
            async with asyncio.timeout(limits.CLOSE_TIMEOUT_S):
                await self._socket.close(code=code, message=message)
        except (TimeoutError, ConnectionError, aiohttp.ClientError):
            return  # the other side is gone, which is what closing is for


def _fault(message: aiohttp.WSMessage) -> Exception:
    """What a message that carries no frames means."""
    if message.type is not WSMsgType.ERROR:
        return FrameError(f"a WebSocket message of type {message.type.name}")
    if isinstance(message.data, aiohttp.WebSocketError):
        return FrameError(f"WebSocket: {message.data}")
    return ConnectionError("no answer to pings")
