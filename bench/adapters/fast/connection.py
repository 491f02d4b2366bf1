"""One kept connection: a request out, a whole answer in, parsed by httptools (llhttp).

The promise: an answer is whole or it is a `Lost`; a connection on which anything went
wrong, or whose answer was not awaited to its end, is closed and never used again. One
request at a time, no pipelining: an answer can only belong to the one that waits.
Source: RFC 9112; llhttp decides what is HTTP.
"""

import asyncio
import zlib
from dataclasses import dataclass
from typing import Any, cast

import httptools

HEADER_BYTES_MAX = 64 << 10
GZIP_OR_ZLIB = 47  # wbits: either header, told apart by itself


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole answer, decompressed. `raw` is None if it was larger than allowed."""

    status: int
    headers: dict[str, str]
    raw: bytes | None


class Lost(ConnectionError):
    """The connection ended before the answer did; `begun` if some of it had come."""

    def __init__(self, message: str, begun: bool) -> None:
        super().__init__(message)
        self.begun = begun


class Connection(asyncio.Protocol):
    """To one server. `may_be_kept` says whether another request may follow."""

    def __init__(self, body_bytes_max: int) -> None:
        self._body_bytes_max = body_bytes_max
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Whole] | None = None
        self._begun = False
        self._framed = False
        self._headers: dict[str, str] = {}
        self._header_bytes = 0
        self._pieces: list[bytes] = []
        self._body_bytes = 0
        self.may_be_kept = False
        self.idle_since_s = 0.0

    async def exchange(self, request: bytes) -> Whole:
        """Send one request and wait for its answer; Lost if none comes whole. Whoever
        stops waiting closes the connection."""
        assert self._transport is not None, "a connection is made before it is used"
        waiter: asyncio.Future[Whole] = asyncio.get_running_loop().create_future()
        self._waiter = waiter
        self._begun = self.may_be_kept = False
        self._transport.write(request)
        try:
            return await waiter
        finally:
            self._waiter = None
            if not self.may_be_kept:
                self.close()

    def close(self) -> None:
        """Drop the connection."""
        self.may_be_kept = False
        if self._transport is not None:
            self._transport.abort()

    # What the event loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Of TCP; uvloop's are of no class of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._waiter is None:
            self.close()  # nobody asked for anything
            return
        self.may_be_kept = False
        self._begun = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"not HTTP: {error}")

    def eof_received(self) -> bool:
        return False  # and close

    def connection_lost(self, exc: Exception | None) -> None:
        self.may_be_kept = False
        self._transport = None
        if self._begun and not self._framed and self._headers:
            self._finish()  # a body without a length ends with the connection
        else:
            self._fail("the server closed the connection" if exc is None else str(exc))

    # What the parser tells

    def on_message_begin(self) -> None:
        self._headers, self._header_bytes, self._framed = {}, 0, False
        self._pieces, self._body_bytes = [], 0

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > HEADER_BYTES_MAX:
            self._fail(f"more than {HEADER_BYTES_MAX} bytes of headers")
            return
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._framed = bool(
            {"content-length", "transfer-encoding"} & self._headers.keys()
        )

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self._body_bytes <= self._body_bytes_max:
            self._pieces.append(body)
        else:
            self._pieces.clear()

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() >= 200:  # 1xx: the answer is still to come
            self.may_be_kept = bool(self._parser.should_keep_alive())
            self._finish()

    def _finish(self) -> None:
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        try:
            raw = self._body()
        except zlib.error as error:
            self._fail(f"not {self._headers.get('content-encoding')}: {error}")
            return
        waiter.set_result(Whole(self._parser.get_status_code(), self._headers, raw))

    def _body(self) -> bytes | None:
        if self._body_bytes > self._body_bytes_max:
            return None
        raw = b"".join(self._pieces)
        if self._headers.get("content-encoding") not in ("gzip", "deflate") or not raw:
            return raw
        unpack: Any = zlib.decompressobj(GZIP_OR_ZLIB)
        plain: bytes = unpack.decompress(raw, self._body_bytes_max + 1)
        return None if len(plain) > self._body_bytes_max else plain

    def _fail(self, message: str) -> None:
        self.may_be_kept = False
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(Lost(message, self._begun))
