"""One shopper's kept connection: a request out, an answer in, as little as can be.

The problem: a load generator shares the machine with what it measures, and a general
HTTP client costs as much as a server. This one writes ready bytes and reads a status
and a body of a stated length; it refuses anything else (chunked bodies, TLS).
"""

import asyncio
import re
from typing import cast

from central_baseline.errors import CentralError

ANSWER_TIMEOUT_S = 30.0
MAX_ANSWER = 64 * 1024
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


class Shopper(asyncio.Protocol):
    """Asks one question at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    @classmethod
    async def connect(cls, host: str, port: int) -> "Shopper":
        """A connected one; OSError when nobody listens."""
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_connection(cls, host, port)
        return protocol

    async def post(self, head: bytes, body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to a POST; `head` is what precedes the length.

        CentralError when the connection ends, or no answer comes in time."""
        assert self._transport is not None, "connect() comes first"
        loop = asyncio.get_running_loop()
        self._answer = loop.create_future()
        timer = loop.call_later(ANSWER_TIMEOUT_S, self._fail, "no answer in time")
        self._transport.write(
            b"%sContent-Length: %d\r\n\r\n%s" % (head, len(body), body)
        )
        try:
            return await self._answer
        finally:
            timer.cancel()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no common class with asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(f"the shop hung up: {error}")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        length = _LENGTH.search(head + b"\r\n")
        if length is None or int(length[1]) > MAX_ANSWER:
            self._fail(f"an answer of no known length: {head[:200]!r}")
        elif len(rest) >= int(length[1]):
            self._buffer = b""
            if self._answer is not None and not self._answer.done():
                self._answer.set_result((int(head[9:12]), rest))

    def _fail(self, why: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(CentralError(why))


def head_of(path: str, host: str, token: str) -> bytes:
    """Request line and headers of a JSON POST by the holder of a session's token."""
    lines = (
        f"POST {path} HTTP/1.1",
        f"Host: {host}",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
    )
    return "".join(f"{line}\r\n" for line in lines).encode()
