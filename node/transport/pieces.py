"""Messages in pieces, such as come very slowly, and many pings: refused.

A WebSocket message may come as many frames. No node sends it so (`send_bytes` makes one
frame), aiohttp shows only whole messages, and one in pieces of a byte each takes the
loop of its receiver a hundred times longer than its sender. So the headers of incoming
frames are looked at before aiohttp parses them; the first that begins or continues a
message in pieces ends the connection as a malformed frame does. So does one whose bytes
trickle in: it would hold its memory for ever, and every byte of it counts as a sign of
life; and so do pings and pongs by the hundred, each of which would be parsed and queued
before anybody could count it. The sockets differ from aiohttp's in nothing else. They
put `Guard` before its parser by the attribute that holds it (`_parser`), which tests of
hostile peers notice should it change.
Source: RFC 6455, 5.2 and 5.4.
"""

import asyncio
from typing import Any

import aiohttp
from aiohttp import web

from node.transport import limits
from node.transport.peer import Allowance

FIN = 0x80
MASKED = 0x80
OPCODE = 0x0F
CONTROL = 0x08
"""Set in the opcodes of PING, PONG and CLOSE."""
LENGTH = 0x7F
EXTENDED = {126: 2, 127: 8}
"""Bytes of a length that the header's second byte does not hold."""
MASK_BYTES = 4


class FrameHeaders:
    """Finds the headers of frames in a stream, whatever its chunks."""

    __slots__ = ("_begun", "_skip", "controls")

    def __init__(self) -> None:
        self.controls = 0
        """Control frames that began; whoever counts them sets it back."""
        self._begun = b""
        """The first bytes of a header whose rest is yet to come."""
        self._skip = 0
        """Bytes of payload to come."""

    @property
    def is_within(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._begun) or self._skip > 0

    def has_piece(self, data: bytes) -> bool:
        """Whether a frame that begins here is not a whole message.

        What follows CONTROLS_BURST control frames is not looked at.
        """
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
            if first & CONTROL:
                self.controls += 1
                if self.controls > limits.CONTROLS_BURST:
                    return False
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
        self._controls = Allowance(limits.CONTROLS_PER_S, limits.CONTROLS_BURST)
        self._received = 0
        """Bytes since the last look."""
        self._look: asyncio.TimerHandle | None = None

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """As the parser's; (True, b"") ends the connection."""
        if self._headers.has_piece(data):
            self._refuse("a message in pieces")
            return True, b""
        if self._headers.controls:
            overdrawn_s = self._controls.spend(self._headers.controls)
            self._headers.controls = 0
            if overdrawn_s:
                self._refuse("too many pings")
                return True, b""
        self._received += len(data)
        if self._look is None and self._headers.is_within:
            self._look_later()
        found: tuple[bool, bytes] = self._parser.feed_data(data)
        return found

    def feed_eof(self) -> None:
        """As the parser's."""
        self.close()
        self._parser.feed_eof()

    def close(self) -> None:
        """Look no more."""
        if self._look is not None:
            self._look.cancel()
            self._look = None

    def _look_later(self) -> None:
        self._received = 0
        loop = asyncio.get_running_loop()
        self._look = loop.call_later(limits.SLOW_S, self._on_look)

    def _on_look(self) -> None:
        """Whether what was under way then, and still is, came on."""
        self._look = None
        if not self._headers.is_within:
            return
        if self._received < limits.SLOW_BYTES_PER_S * limits.SLOW_S:
            self._refuse("a message that comes too slowly")
        else:
            self._look_later()

    def _refuse(self, reason: str) -> None:
        code = aiohttp.WSCloseCode.PROTOCOL_ERROR
        self._queue.set_exception(aiohttp.WebSocketError(code, reason))


def _guarded(before: Guard | None, parser: Any, queue: Any) -> Guard | None:
    if before is not None:
        before.close()
    return None if parser is None else Guard(parser, queue)


class InboundSocket(web.WebSocketResponse):
    """The listening side's."""

    _guard: Guard | None = None

    @property
    def _parser(self) -> Any:
        return self._guard

    @_parser.setter
    def _parser(self, parser: Any) -> None:
        self._guard = _guarded(self._guard, parser, self._reader)


class OutboundSocket(aiohttp.ClientWebSocketResponse):
    """The dialling side's."""

    _guard: Guard | None = None

    @property
    def _parser(self) -> Any:
        return self._guard

    @_parser.setter
    def _parser(self, parser: Any) -> None:
        self._guard = _guarded(self._guard, parser, self._reader)
