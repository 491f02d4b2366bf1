"""Messages in pieces: refused at the first piece.

A WebSocket message may come as many frames. No node sends it so (`send_bytes` makes one
frame), aiohttp shows only whole messages, and one in pieces of a byte each takes the
loop of its receiver a hundred times longer than its sender. So the headers of incoming
frames are looked at before aiohttp parses them; the first that begins or continues a
message in pieces ends the connection as a malformed frame does. The sockets differ from
aiohttp's in nothing else. They put `Guard` before its parser by the attribute that
holds it (`_parser`), which the tests of hostile peers notice should it change.
Source: RFC 6455, 5.2 and 5.4.
"""

from typing import Any

import aiohttp
from aiohttp import web

FIN = 0x80
MASKED = 0x80
OPCODE = 0x0F
LENGTH = 0x7F
EXTENDED = {126: 2, 127: 8}
"""Bytes of a length that the header's second byte does not hold."""
MASK_BYTES = 4


class FrameHeaders:
    """Finds the headers of frames in a stream, whatever its chunks."""

    __slots__ = ("_begun", "_skip")

    def __init__(self) -> None:
        self._begun = b""
        """The first bytes of a header whose rest is yet to come."""
        self._skip = 0
        """Bytes of payload to come."""

    def has_piece(self, data: bytes) -> bool:
        """Whether a frame that begins here is not a whole message."""
        if self._begun:
            data, self._begun = self._begun + data, b""
        at, size = self._skip, len(data)
        while at < size:
            if size - at < 2:
                break
            first, second = data[at], data[at + 1]
            if not first & FIN or not first & OPCODE:
                return True
            length = second & LENGTH
            more = EXTENDED.get(length, 0)
            end = at + 2 + more
            if more:
                length = int.from_bytes(data[at + 2 : end], "big")
            end += MASK_BYTES if second & MASKED else 0
            if end > size:
                break
            at = end + length
        else:
            self._skip = at - size
            return False
        self._skip, self._begun = 0, data[at:]
        return False


class Guard:
    """Stands before aiohttp's parser of one connection."""

    def __init__(self, parser: Any, queue: Any) -> None:
        self._parser = parser
        self._queue = queue
        self._headers = FrameHeaders()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """As the parser's; (True, b"") ends the connection."""
        if self._headers.has_piece(data):
            reason = "a message in pieces"
            code = aiohttp.WSCloseCode.PROTOCOL_ERROR
            self._queue.set_exception(aiohttp.WebSocketError(code, reason))
            return True, b""
        found: tuple[bool, bytes] = self._parser.feed_data(data)
        return found

    def feed_eof(self) -> None:
        """As the parser's."""
        self._parser.feed_eof()


def _guarded(parser: Any, queue: Any) -> Guard | None:
    return None if parser is None else Guard(parser, queue)


class InboundSocket(web.WebSocketResponse):
    """The listening side's."""

    _guard: Guard | None = None

    @property
    def _parser(self) -> Any:
        return self._guard

    @_parser.setter
    def _parser(self, parser: Any) -> None:
        self._guard = _guarded(parser, self._reader)


class OutboundSocket(aiohttp.ClientWebSocketResponse):
    """The dialling side's."""

    _guard: Guard | None = None

    @property
    def _parser(self) -> Any:
        return self._guard

    @_parser.setter
    def _parser(self, parser: Any) -> None:
        self._guard = _guarded(parser, self._reader)
