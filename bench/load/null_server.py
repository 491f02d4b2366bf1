"""A server that does nothing but answer: what is measured against it is the client.

`python -m bench.load.null_server` listens on a free port of loopback, prints it, and
answers every request with the same few bytes, on one connection after another and kept
alive, until its standard input ends.
"""

import asyncio
import sys

BODY = b'{"null":true}'
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
    + str(len(BODY)).encode()
    + b"\r\n\r\n"
    + BODY
)
END = b"\r\n\r\n"


class NullProtocol(asyncio.Protocol):
    """Answers each GET; it reads no further than where the headers end."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport), "TCP is asked for"
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None, "connected before it receives"
        buffered = self._tail + data
        requests = buffered.count(END)
        self._tail = (
            buffered[buffered.rfind(END) + len(END) :] if requests else buffered
        )
        self._transport.write(ANSWER * requests)


async def serve() -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(NullProtocol, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve())
