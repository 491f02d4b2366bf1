"""What strangers and hostile peers get from a node, over real sockets."""

import asyncio
import contextlib
import ssl
from dataclasses import replace
from pathlib import Path

import aiohttp
import msgpack
import pytest

from node.chain.signing import SigningDomain
from node.config import P2pConfig
from node.consensus.codec import MAX_JUSTIFICATION, sign_draft
from node.consensus.messages import (
    Prepare,
    PrepareDraft,
    RoundChange,
    RoundChangeDraft,
)
from node.gossip.messages import Status
from node.primitives.types import ZERO_HASH, Hash32
from node.transport import limits
from node.transport.certificates import (
    client_context,
    create_certificate,
    server_context,
)
from node.transport.frames import Kind, encode
from tests.node.transport.hostile import hostile
from tests.node.transport.loopback import KEYS, LogWatch, Loopback, TestNode, loopback

STATUS = Status(1, ZERO_HASH, 0)


async def is_alive(network: Loopback, node: TestNode) -> None:
    """The node takes a further peer and hears it."""
    other = await network.start(KEYS[0], dial=[node])
    await other.inbox.until(lambda: other.sees(node))
    other.mesh.broadcast(STATUS)
    await node.inbox.until(lambda: (other.address, STATUS) in node.inbox.messages)


async def test_without_a_proof_there_is_no_websocket(tmp_path: Path) -> None:
    async with loopback(tmp_path, KEYS[:3]) as network:
        node = await network.start(KEYS[1])
        async with hostile(network, node) as client:
            for header in ("", "Chandlery ", "Chandlery !!!", "Bearer x"):
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    await client.upgrade(header)
                assert refused.value.status == 403
            status, text = await client.get("/")
            assert status == 403
            assert "JSON-RPC has its own" in text
        assert node.inbox.connections == []
        await is_alive(network, node)


@pytest.mark.parametrize(
    "body",
    [b"", b"\xc1", b"\x90", msgpack.packb([1, 1]), b"\x91" * 100, b"x" * 512],
    ids=["empty", "invalid", "no fields", "short", "deep", "junk"],
)
async def test_a_malformed_hello_is_refused(tmp_path: Path, body: bytes) -> None:
    async with loopback(tmp_path, KEYS[:3]) as network:
        node = await network.start(KEYS[1])
        async with hostile(network, node) as client:
            status, text = await client.post(body)
            assert status == 403
            assert b"malformed hello" in text
        await is_alive(network, node)


async def test_a_large_or_endless_hello_is_not_read(tmp_path: Path) -> None:
    async def endless() -> object:
        for _ in range(100):
            yield b"x" * 100

    async with loopback(tmp_path, KEYS[:3]) as network:
        node = await network.start(KEYS[1])
        async with hostile(network, node) as client:
            for body in (b"x" * (limits.MAX_HELLO_BYTES + 1), endless()):
                status, text = await client.post(body)
                assert status == 403
                assert b"at most 512 bytes" in text
        await is_alive(network, node)


async def test_a_signature_of_another_key_proves_nothing(tmp_path: Path) -> None:
    async with loopback(tmp_path, KEYS[:3]) as network:
        node = await network.start(KEYS[1])
        async with hostile(network, node) as client:
            proof = await client.prove(KEYS[2], signing=KEYS[5])
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await client.upgrade(proof.header())
            assert refused.value.status == 403
            # Nor does the proof of an admitted peer with another address in it.
            good = await client.prove(KEYS[2])
            stolen = replace(good, hello=replace(good.hello, address=KEYS[0].address))
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await client.upgrade(stolen.header())
        assert node.inbox.connections == []


async def test_a_proof_is_good_once(tmp_path: Path) -> None:
    async with loopback(tmp_path, KEYS[:3]) as network:
        node = await network.start(KEYS[1])
        async with hostile(network, node) as client:
            proof = await client.prove(KEYS[2])
            await client.upgrade(proof.header())
            await node.inbox.until(lambda: node.inbox.connections != [])
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await client.upgrade(proof.header())
            assert refused.value.status == 409
            assert len(node.mesh.peers()) == 1


async def test_a_proof_for_another_node_is_worth_nothing_here(tmp_path: Path) -> None:
    async with loopback(tmp_path, KEYS[:3]) as network:
        first = await network.start(KEYS[0])
        second = await network.start(KEYS[1])
        async with hostile(network, first) as one, hostile(network, second) as two:
            proof = await one.prove(KEYS[2])
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await two.upgrade(proof.header())
        assert second.inbox.connections == []


async def test_who_is_removed_between_hello_and_proof_stays_outside(
    tmp_path: Path,
) -> None:
    async with loopback(tmp_path, KEYS[:3]) as network:
        node = await network.start(KEYS[1])
        async with hostile(network, node) as client:
            proof = await client.prove(KEYS[2])
            node.mesh.admit([KEYS[0].address, KEYS[1].address])
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await client.upgrade(proof.header())
            assert refused.value.status == 403
        assert node.inbox.connections == []


async def test_of_two_connections_the_one_that_the_lower_address_made_stays(
    tmp_path: Path,
) -> None:
    low, high = KEYS[0], KEYS[1]
    async with loopback(tmp_path, KEYS[:2]) as network:
        target = await network.start(high)
        dialler = await network.start(low, dial=[target])
        await dialler.inbox.until(lambda: dialler.sees(target))
        async with hostile(network, dialler) as client:
            proof = await client.prove(high)
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await client.upgrade(proof.header())
            assert refused.value.status == 409
        assert dialler.inbox.disconnections == []
    async with loopback(tmp_path / "other", KEYS[:2]) as network:
        target = await network.start(low)
        dialler = await network.start(high, dial=[target])
        await dialler.inbox.until(lambda: dialler.sees(target))
        async with hostile(network, dialler) as client:
            await client.upgrade((await client.prove(low)).header())
            await dialler.inbox.until(lambda: len(dialler.inbox.connections) == 2)
            assert dialler.inbox.disconnections == [low.address]
            (info,) = dialler.mesh.peers()
            assert info.inbound


async def test_slow_strangers_are_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HANDSHAKE_TIMEOUT_S", 0.3)
    async with loopback(tmp_path, KEYS[:3]) as network:
        node = await network.start(KEYS[1])
        port = node.mesh.port
        silent, silent_writer = await asyncio.open_connection("127.0.0.1", port)
        drip, drip_writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=client_context()
        )
        drip_writer.write(b"POST /hello HTTP/1.1\r\nHost: x\r\nContent-Le")
        body, body_writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=client_context()
        )
        body_writer.write(
            b"POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1"
        )
        async with asyncio.timeout(10):
            for reader in (silent, drip, body):
                with pytest.raises((EOFError, ConnectionError)):
                    await reader.readuntil(b"never")
        for writer in (silent_writer, drip_writer, body_writer):
            writer.close()
        monkeypatch.undo()
        await is_alive(network, node)


async def test_with_too_many_strangers_the_oldest_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_STRANGERS_PER_ADDRESS", 3)
    monkeypatch.setattr(limits, "HANDSHAKE_TIMEOUT_S", 60.0)
    async with loopback(tmp_path, KEYS[:3]) as network:
        node = await network.start(KEYS[1])
        streams = [
            await asyncio.open_connection("127.0.0.1", node.mesh.port) for _ in range(5)
        ]
        async with asyncio.timeout(10):
            for reader, _ in streams[:2]:
                with pytest.raises((EOFError, ConnectionError)):
                    await reader.readexactly(1)
        await is_alive(network, node)
        for _, writer in streams:
            writer.close()


DEEP = bytes([0x92, Kind.TRANSACTION_BATCH]) + b"\x91" * 10_000
BOMB = bytes([0x92, Kind.TRANSACTION_BATCH, 0xDD, 0, 15, 66, 64]) + b"\x90" * 1_000_000
FOREIGN = sign_draft(
    PrepareDraft(Prepare(1, 0, ZERO_HASH)),
    SigningDomain(7_001, Hash32(b"\x01" * 32)),
    KEYS[2],
)
BAD_FRAMES = {
    "empty": b"",
    "junk": b"\xc1" * 100,
    "unknown kind": msgpack.packb([99, 1]),
    "missing field": msgpack.packb([Kind.STATUS, 1, ZERO_HASH]),
    "wrong type": msgpack.packb([Kind.STATUS, "1", ZERO_HASH, 0]),
    "negative": msgpack.packb([Kind.STATUS, -1, ZERO_HASH, 0]),
    "cut short": encode(STATUS)[:-1],
    "trailing": encode(STATUS) + b"\x00",
    "deep": DEEP,
    "bomb": BOMB,
    "no consensus message": msgpack.packb([Kind.CONSENSUS, b"\xc0"]),
}


@pytest.mark.parametrize("name", list(BAD_FRAMES))
async def test_a_malformed_frame_costs_the_connection_and_then_a_ban(
    tmp_path: Path, logged: LogWatch, name: str
) -> None:
    async with loopback(tmp_path, KEYS[:3]) as network:
        node = await network.start(KEYS[1])
        async with hostile(network, node) as client:
            for times in (1, 2):
                websocket = await client.connect(KEYS[2])
                await websocket.send_bytes(BAD_FRAMES[name])
                await node.inbox.until(
                    lambda n=times: len(node.inbox.disconnections) == n
                )
            assert logged.count("banned for 60 s") == 1
            with pytest.raises(AssertionError, match="is banned for a while"):
                await client.prove(KEYS[2])
        # What came whole before it was heard, nothing else.
        heard = 2 if name == "trailing" else 0
        assert node.inbox.messages == [(KEYS[2].address, STATUS)] * heard
        await is_alive(network, node)


async def test_a_frame_larger_than_allowed_is_not_read(
    tmp_path: Path, logged: LogWatch
) -> None:
    async with loopback(tmp_path, KEYS[:3]) as network:
        node = await network.start(KEYS[1])
        async with hostile(network, node) as client:
            websocket = await client.connect(KEYS[2])
            await websocket.send_bytes(b"x" * (limits.MAX_FRAME_BYTES + 1))
            await node.inbox.until(lambda: node.inbox.disconnections != [])
            assert logged.count("misbehaviour: WebSocket: ") == 1
        await is_alive(network, node)


async def test_text_messages_are_no_frames(tmp_path: Path, logged: LogWatch) -> None:
    async with loopback(tmp_path, KEYS[:3]) as network:
        node = await network.start(KEYS[1])
        async with hostile(network, node) as client:
            websocket = await client.connect(KEYS[2])
            await websocket.send_str("hello")
            await node.inbox.until(lambda: node.inbox.disconnections != [])
            assert logged.count("a WebSocket message of type TEXT") > 0


async def test_a_flood_of_good_frames_costs_the_connection(
    tmp_path: Path, logged: LogWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FRAMES_PER_S", 100)  # however slow the test is
    monkeypatch.setattr(limits, "FLOOD_S", 0.2)
    async with loopback(tmp_path, KEYS[:3]) as network:
        node = await network.start(KEYS[1])
        async with hostile(network, node) as client:
            websocket = await client.connect(KEYS[2])
            frames = encode(STATUS) * 1_000
            for _ in range(1 + limits.FRAMES_BURST // 1_000):
                await websocket.send_bytes(frames)
            await node.inbox.until(lambda: node.inbox.disconnections != [])
            assert logged.count("frames a second") > 0
        await is_alive(network, node)


async def test_a_flood_of_pings_costs_the_connection(
    tmp_path: Path, logged: LogWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FRAMES_PER_S", 100)  # however slow the test is
    monkeypatch.setattr(limits, "FLOOD_S", 0.2)
    monkeypatch.setattr(limits, "CONTROLS_BURST", 10**6)  # those just within it
    async with loopback(tmp_path, KEYS[:3]) as network:
        node = await network.start(KEYS[1])
        async with hostile(network, node) as client:
            websocket = await client.connect(KEYS[2])
            with contextlib.suppress(ConnectionError):
                for _ in range(2 * limits.FRAMES_BURST):
                    await websocket.ping()
            await node.inbox.until(lambda: node.inbox.disconnections != [])
            assert logged.count("frames a second") > 0
        await is_alive(network, node)


async def test_too_many_pings_are_not_even_parsed(
    tmp_path: Path, logged: LogWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PING_COST", 0)  # nobody who reads them minds
    async with loopback(tmp_path, KEYS[:3]) as network:
        node = await network.start(KEYS[1])
        async with hostile(network, node) as client:
            websocket = await client.connect(KEYS[2])
            with contextlib.suppress(ConnectionError):
                for _ in range(20 * limits.CONTROLS_BURST):
                    await websocket.ping()
            await node.inbox.until(lambda: node.inbox.disconnections != [])
            assert logged.count("too many pings") > 0
        await is_alive(network, node)


async def test_a_ping_is_answered_and_no_offence(tmp_path: Path) -> None:
    async with loopback(tmp_path, KEYS[:3]) as network:
        node = await network.start(KEYS[1])
        async with hostile(network, node) as client:
            websocket = await client.connect(KEYS[2], autoping=False)
            await websocket.ping(b"there?")
            async with asyncio.timeout(10):
                answer = await websocket.receive()
            assert (answer.type, answer.data) == (aiohttp.WSMsgType.PONG, b"there?")
        assert node.inbox.disconnections == []


@pytest.mark.parametrize("first", [b"\x02\x81", b"\x80\x81"], ids=["begun", "more"])
async def test_a_message_in_pieces_is_refused_at_its_first(
    tmp_path: Path, logged: LogWatch, first: bytes
) -> None:
    async with loopback(tmp_path, KEYS[:3]) as network:
        node = await network.start(KEYS[1])
        async with hostile(network, node) as client:
            websocket = await client.connect(KEYS[2])
            connection = websocket._conn
            assert connection is not None
            assert connection.transport is not None
            connection.transport.write(first + bytes(5))
            await node.inbox.until(lambda: node.inbox.disconnections != [])
            assert logged.count("misbehaviour: WebSocket: a message in pieces") == 1
        await is_alive(network, node)


async def test_a_message_that_trickles_in_is_not_waited_for(
    tmp_path: Path, logged: LogWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SLOW_S", 0.2)
    async with loopback(tmp_path, KEYS[:3]) as network:
        node = await network.start(KEYS[1])
        async with hostile(network, node) as client:
            websocket = await client.connect(KEYS[2])
            connection = websocket._conn
            assert connection is not None
            assert connection.transport is not None
            # The header of a frame of a megabyte, and a little of it.
            size = (1_000_000).to_bytes(8, "big")
            connection.transport.write(b"\x82\xff" + size + bytes(4 + 10))
            await node.inbox.until(lambda: node.inbox.disconnections != [])
            assert logged.count("a message that comes too slowly") > 0
        monkeypatch.undo()
        await is_alive(network, node)


async def test_signatures_to_recover_count_against_the_frames_of_a_peer(
    tmp_path: Path, logged: LogWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ROUND_CHANGE with as many PREPAREs as fit takes a hundred times as long."""
    monkeypatch.setattr(limits, "FRAMES_PER_S", 100)  # however slow the test is
    monkeypatch.setattr(limits, "FLOOD_S", 0.2)
    key, domain = KEYS[2], SigningDomain(7_001, Hash32(b"\x01" * 32))
    prepare = sign_draft(PrepareDraft(Prepare(1, 0, ZERO_HASH)), domain, key).signed
    draft = RoundChangeDraft(
        RoundChange(1, 1, 0, ZERO_HASH),
        (prepare,) * MAX_JUSTIFICATION,  # type: ignore[arg-type]
    )
    frame = encode(sign_draft(draft, domain, key))
    count = 1 + 2 * limits.FRAMES_BURST // MAX_JUSTIFICATION
    async with loopback(tmp_path, KEYS[:3]) as network:
        node = await network.start(KEYS[1])
        async with hostile(network, node) as client:
            websocket = await client.connect(key)
            await websocket.send_bytes(frame * count)
            await node.inbox.until(lambda: node.inbox.disconnections != [])
            assert logged.count("frames a second") > 0
        assert len(node.inbox.messages) < count
        await is_alive(network, node)


async def test_a_signature_for_another_chain_names_another_author(
    tmp_path: Path,
) -> None:
    """The engine refuses an author that is no validator; the mesh passes it on."""
    async with loopback(tmp_path, KEYS[:3]) as network:
        node = await network.start(KEYS[1])
        async with hostile(network, node) as client:
            websocket = await client.connect(KEYS[2])
            await websocket.send_bytes(encode(FOREIGN))
            await node.inbox.until(lambda: node.inbox.messages != [])
            ((peer, message),) = node.inbox.messages
            assert peer == KEYS[2].address
            assert message.signed.author != KEYS[2].address


async def test_a_relay_with_its_own_certificate_is_found_out(
    tmp_path: Path, logged: LogWatch
) -> None:
    """Somebody in between passes the handshake on and is refused by the pinned
    certificate."""
    async with loopback(tmp_path, KEYS[:3]) as network:
        node = await network.start(KEYS[1])
        create_certificate(tmp_path / "relay")
        context = server_context(tmp_path / "relay")

        relays: list[asyncio.Task[None]] = []

        async def pipe(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                while data := await reader.read(65_536):
                    writer.write(data)
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

        async def relay(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            relays.append(asyncio.current_task())
            there, back = await asyncio.open_connection(
                "127.0.0.1", node.mesh.port, ssl=client_context()
            )
            await asyncio.gather(pipe(reader, back), pipe(there, writer))

        server = await asyncio.start_server(relay, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        entry = f"0x{node.address.hex()}@127.0.0.1:{port}"
        victim = await network.start(KEYS[0], P2pConfig(peers=(entry,)))
        await logged.until("another certificate than the one its node key signed")
        assert victim.mesh.peers() == []
        assert node.inbox.connections == []
        server.close()
        await victim.mesh.stop()
        await node.mesh.stop()
        await asyncio.wait(relays)
