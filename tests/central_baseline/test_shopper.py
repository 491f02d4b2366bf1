"""The load generator's connection, against a server that answers in pieces."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from central_baseline.errors import CentralError
from central_baseline.shopper import Shopper, head_of

HEAD = head_of("/api/orders", "shop.test", "secret")


@asynccontextmanager
async def answering(*pieces: bytes) -> AsyncIterator[tuple[Shopper, list[bytes]]]:
    """A shopper whose every question is answered with these pieces, then silence."""
    asked: list[bytes] = []
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                asked.append(head + await reader.readexactly(2))
                if not pieces:
                    break
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
        writer.close()
        await writer.wait_closed()
        ended.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    shopper = await Shopper.connect(*server.sockets[0].getsockname()[:2])
    try:
        yield shopper, asked
    finally:
        shopper.close()
        await ended.wait()
        server.close()


async def test_an_answer_in_pieces_is_put_together_and_the_next_one_too() -> None:
    pieces = (b"HTTP/1.1 201 Cre", b"ated\r\ncontent-length: 5\r\n\r", b"\nwa", b"xed")
    async with answering(*pieces) as (shopper, asked):
        assert await shopper.post(HEAD, b"{}") == (201, b"waxed")
        assert await shopper.post(HEAD, b"{}") == (201, b"waxed")
    assert asked[0] == (
        b"POST /api/orders HTTP/1.1\r\nHost: shop.test\r\n"
        b"Authorization: Bearer secret\r\nContent-Type: application/json\r\n"
        b"Content-Length: 2\r\n\r\n{}"
    )


async def test_an_answer_without_a_length_is_refused() -> None:
    piece = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with answering(piece) as (shopper, _):
        with pytest.raises(CentralError, match="no known length"):
            await shopper.post(HEAD, b"{}")


async def test_a_server_that_hangs_up_is_said() -> None:
    async with answering() as (shopper, _):
        with pytest.raises(CentralError, match="hung up"):
            await shopper.post(HEAD, b"{}")
