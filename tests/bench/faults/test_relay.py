"""A relay forwards, stops, delays and loses, in the directions it is told to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from bench.faults.relay import RETRANSMISSION_S, Direction, Relay, Relays, Weather

PATIENCE_S = 10.0
# How long a silence is listened to before it is believed.
SILENCE_S = 0.15

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Awaitable[Streams]]


@asynccontextmanager
async def echo() -> AsyncIterator[tuple[int, list[bytes]]]:
    """An echo server, and what reached it."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1024):
            heard.append(data)
            writer.write(data)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], heard
    finally:
        server.close()


@asynccontextmanager
async def relayed() -> AsyncIterator[tuple[Relay, Streams, list[bytes]]]:
    """A relay before an echo server, and a connection through it that has worked."""
    async with echo() as (port, heard):
        relay = Relay("a>b", "127.0.0.1", port)
        await relay.start()
        streams = await asyncio.open_connection("127.0.0.1", relay.port)
        try:
            assert await ask(streams, b"first") == b"first"
            yield relay, streams, heard
        finally:
            streams[1].close()
            await relay.stop()


async def ask(streams: Streams, data: bytes) -> bytes:
    streams[1].write(data)
    async with asyncio.timeout(PATIENCE_S):
        return await streams[0].readexactly(len(data))


async def is_silent(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(SILENCE_S):
            await reader.read(1)
    except TimeoutError:
        return True
    return False


async def test_a_cut_holds_bytes_back_and_healing_delivers_them() -> None:
    async with relayed() as (relay, (reader, writer), heard):
        relay.forth.weather = relay.back.weather = Weather(cut=True)
        writer.write(b"second")
        assert await is_silent(reader)
        assert heard == [b"first"]
        relay.forth.weather = relay.back.weather = Weather()
        async with asyncio.timeout(PATIENCE_S):
            assert await reader.readexactly(6) == b"second"
        assert relay.forth.bytes == relay.back.bytes == 11


async def test_a_one_way_cut_lets_the_question_through_and_not_the_answer() -> None:
    async with relayed() as (relay, (reader, writer), heard):
        relay.back.weather = Weather(cut=True)
        writer.write(b"second")
        assert await is_silent(reader)
        assert b"".join(heard) == b"firstsecond"


async def test_no_new_connection_gets_through_a_cut() -> None:
    async with relayed() as (relay, _, heard):
        relay.forth.weather = Weather(cut=True)
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        writer.write(b"late")
        assert await is_silent(reader)
        assert heard == [b"first"]
        writer.close()


async def test_a_delay_holds_every_answer_at_least_so_long() -> None:
    async with relayed() as (relay, streams, _):
        relay.forth.weather = relay.back.weather = Weather(delay_s=0.05)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        assert await ask(streams, b"slow") == b"slow"
        assert loop.time() - began_s >= 0.1


async def test_an_end_is_passed_on() -> None:
    async with relayed() as (_, (reader, writer), _):
        writer.write_eof()
        async with asyncio.timeout(PATIENCE_S):
            assert await reader.read() == b""


async def test_a_server_that_is_gone_ends_the_connection() -> None:
    async with echo() as (port, _):
        relay = Relay("a>b", "127.0.0.1", port)
    await relay.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    async with asyncio.timeout(PATIENCE_S):
        assert await reader.read() == b""
    writer.close()
    await relay.stop()


def test_a_lost_packet_waits_for_its_retransmission_doubled_each_time() -> None:
    direction = Direction("seed")
    direction.weather = Weather(delay_s=1.0, loss_share=1.0)
    waits = [RETRANSMISSION_S * 2**n for n in range(6)]
    assert direction.held_s() == pytest.approx(1.0 + sum(waits))


def test_losses_come_as_often_as_asked_and_the_same_for_a_seed() -> None:
    def losses(seed: str) -> list[bool]:
        direction = Direction(seed)
        direction.weather = Weather(loss_share=0.3)
        return [direction.held_s() > 0 for _ in range(2000)]

    assert losses("a") == losses("a") != losses("b")
    assert 0.25 < sum(losses("a")) / 2000 < 0.35


async def mesh(names: str) -> Relays:
    relays = Relays()
    for source in names:
        for target in names:
            if source != target:
                await relays.insert(source, target, "127.0.0.1", 9)
    return relays


def cut_pairs(relays: Relays, names: str) -> set[tuple[str, str]]:
    """(from, to) whose bytes do not pass, by whoever dialled."""
    found = set()
    for one in names:
        for other in names:
            for relay in relays.between(one, other) if one != other else []:
                source, target = relay.name.split(">")
                if relay.forth.weather.cut:
                    found.add((source, target))
                if relay.back.weather.cut:
                    found.add((target, source))
    return found


async def test_a_split_cuts_the_sides_from_each_other_and_nobody_else() -> None:
    relays = await mesh("abcd")
    assert relays.split({"c", "d"}) == 8
    across = {(x, y) for x in "ab" for y in "cd"} | {(y, x) for x in "ab" for y in "cd"}
    assert cut_pairs(relays, "abcd") == across
    relays.heal()
    assert cut_pairs(relays, "abcd") == set()
    await relays.stop()


async def test_who_is_silenced_still_hears() -> None:
    relays = await mesh("abc")
    assert relays.silence("b") == 4
    assert cut_pairs(relays, "abc") == {("b", "a"), ("b", "c")}
    await relays.stop()
