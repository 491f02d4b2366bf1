"""What a flooder sends to validators, before and after a handshake; see `flood`.

    python -m tests.node.network.attacks DIR KIND SECONDS

runs one kind of flood against every node of a running network, from a process of its
own, and prints what became of its connections as JSON. An admitted flooder holds the
key in DIR/flooders/KIND, which the nodes allow as an observer's.
"""

import asyncio
import contextlib
import json
import os
import random
import ssl
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import aiohttp

from node.chain.genesis import Genesis, load_genesis
from node.chain.signing import Secp256k1Verifier, SigningDomain
from node.consensus.codec import sign_draft
from node.consensus.messages import (
    CommitMessage,
    Prepare,
    PrepareDraft,
    PrepareMessage,
    RoundChange,
    RoundChangeDraft,
)
from node.gossip.messages import GetTransactions, Status, TransactionBatch
from node.networks.layout import NodePlace, read_network
from node.primitives.secp256k1 import PrivateKey
from node.primitives.types import ZERO_ADDRESS, ZERO_HASH, Address, Hash32
from node.storage.keystore import load_node_key
from node.sync.messages import MAX_BLOCKS_PER_ANSWER, GetBlocks
from node.transport import limits
from node.transport.certificates import client_context
from node.transport.frames import Kind, decode, encode
from node.transport.handshake import ChainIdentity, Hello, decode_challenge, prove

RETRY_S = 0.05
DRIP_S = 0.4
CHUNK = 262_144
HEARD = 200
VERIFIER = Secp256k1Verifier()


@dataclass
class Tally:
    """What became of the flooder's connections to all nodes."""

    made: int = 0
    refused: int = 0
    cut: int = 0
    longest_s: float = 0.0
    """The longest life of a connection after its first bad byte."""
    sent_mb: float = 0.0


class Blind:
    """A verifier that believes everything: a flooder saves its time."""

    def recover(self, _: Hash32, __: bytes) -> Address:
        """Nobody."""
        return ZERO_ADDRESS


class Flooder:
    """One flooder and one node that it floods."""

    def __init__(self, place: NodePlace, genesis: Genesis, tally: Tally) -> None:
        self.place = place
        self.genesis = genesis
        self.tally = tally
        self.host, _, port = place.p2p_address.rpartition(":")
        self.port = int(port)
        self.key = PrivateKey.generate()
        self.domain = SigningDomain(genesis.chain_id, genesis.digest)
        self.height = 1
        self.heard: deque[bytes] = deque(maxlen=HEARD)
        """Consensus messages of the node, as they came."""
        self.has_heard = asyncio.Event()

    @contextlib.contextmanager
    def life(self) -> Iterator[None]:
        """Count a connection from here to its end, which the node makes."""
        self.tally.made += 1
        began_s = time.monotonic()
        try:
            with contextlib.suppress(OSError, EOFError, aiohttp.ClientError):
                yield
            self.tally.cut += 1
        finally:
            lived_s = time.monotonic() - began_s
            self.tally.longest_s = max(self.tally.longest_s, lived_s)

    async def stranger(
        self, data: Callable[[], bytes], tls: bool, pause_s: float = 0.0
    ) -> None:
        """A connection that says this over and over, and nothing of who it is."""
        context = client_context() if tls else None
        reader, writer = await asyncio.open_connection(
            self.host, self.port, ssl=context
        )
        with self.life():
            try:
                hangs_up = asyncio.ensure_future(reader.read())
                while not hangs_up.done():
                    writer.write(part := data())
                    self.tally.sent_mb += len(part) / 1e6
                    await writer.drain()
                    await asyncio.wait([hangs_up], timeout=pause_s)
                await hangs_up
            finally:
                hangs_up.cancel()
                writer.transport.abort()

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[aiohttp.ClientSession]:
        """For one connection after the other."""
        connector = aiohttp.TCPConnector(ssl=client_context(), force_close=True)
        async with aiohttp.ClientSession(connector=connector) as made:
            yield made

    async def hello(self, session: aiohttp.ClientSession) -> tuple[int, bytes, Hello]:
        """(status, body, what was said)"""
        identity = ChainIdentity.of(self.genesis)
        hello = Hello(identity, self.key.address, os.urandom(32))
        url = f"https://{self.host}:{self.port}/hello"
        async with session.post(url, data=hello.encode()) as answer:
            return answer.status, await answer.read(), hello

    async def admitted(self, talk: "Talk") -> None:
        """The handshake done right, then a talk until the node has enough."""
        async with self.session() as session:
            status, body, hello = await self.hello(session)
            if status != 200:
                self.tally.refused += 1
                await asyncio.sleep(RETRY_S)
                return
            proof = prove(
                hello, decode_challenge(body), self.place.address, self.key, VERIFIER
            )
            try:
                socket = await session.ws_connect(
                    f"https://{self.host}:{self.port}/peer",
                    headers={"Authorization": proof.header()},
                    max_msg_size=0,
                )
            except aiohttp.WSServerHandshakeError:
                self.tally.refused += 1
                return
            with self.life():
                talking = asyncio.ensure_future(talk(self, socket))
                try:
                    async for message in socket:
                        if message.type is aiohttp.WSMsgType.BINARY:
                            self.hear(message.data)
                finally:
                    talking.cancel()
                    await asyncio.gather(talking, return_exceptions=True)

    def hear(self, data: bytes) -> None:
        """Learn the node's height, remember its votes."""
        for item in decode(data, self.domain, Blind()):
            if isinstance(item.message, Status):
                self.height = item.message.height + 1
            elif isinstance(item.message, PrepareMessage | CommitMessage):
                self.heard.append(encode(item.message))
                self.has_heard.set()

    async def send(self, socket: aiohttp.ClientWebSocketResponse, data: bytes) -> None:
        """One WebSocket message."""
        await socket.send_bytes(data)
        self.tally.sent_mb += len(data) / 1e6
        await asyncio.sleep(0)


Talk = Callable[[Flooder, aiohttp.ClientWebSocketResponse], Awaitable[None]]


def saying(made: Callable[[Flooder], bytes], pause_s: float = 0.0) -> Talk:
    """A talk that says the same over and over."""

    async def talk(flooder: Flooder, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            await flooder.send(socket, made(flooder))
            await asyncio.sleep(pause_s)

    return talk


async def slow_frame(flooder: Flooder, socket: aiohttp.ClientWebSocketResponse) -> None:
    """A message of eight megabytes that comes byte by byte."""
    size = limits.MAX_FRAME_BYTES - 1
    connection = socket._conn
    transport = connection.transport if connection else None
    if transport is None:
        return
    transport.write(b"\x82\xff" + size.to_bytes(8, "big") + bytes(4))
    while not transport.is_closing():
        transport.write(bytes(100))
        await asyncio.sleep(DRIP_S)


async def fragments(flooder: Flooder, socket: aiohttp.ClientWebSocketResponse) -> None:
    """A message in pieces of one byte each, which never ends."""
    piece = b"\x00\x81" + bytes(5)
    await _raw(flooder, socket, b"\x02\x81" + bytes(5), piece * 10_000)


async def pings(flooder: Flooder, socket: aiohttp.ClientWebSocketResponse) -> None:
    """As many as go out."""
    await _raw(flooder, socket, b"", (b"\x89\x80" + bytes(4)) * 10_000)


async def hang_up(_: Flooder, socket: aiohttp.ClientWebSocketResponse) -> None:
    """Nothing but the handshake, to begin with it again."""
    await socket.close()


async def _raw(
    flooder: Flooder,
    socket: aiohttp.ClientWebSocketResponse,
    first: bytes,
    then: bytes,
) -> None:
    """Bytes below the WebSocket's frames."""
    connection = socket._conn
    transport = connection.transport if connection else None
    if transport is None:
        return
    transport.write(first)
    while not transport.is_closing():
        if transport.get_write_buffer_size() < len(then):  # type: ignore[attr-defined]
            transport.write(then)
            flooder.tally.sent_mb += len(then) / 1e6
        await asyncio.sleep(0.001)


async def replay(flooder: Flooder, socket: aiohttp.ClientWebSocketResponse) -> None:
    """The node's own votes back to it, again and again."""
    await flooder.has_heard.wait()
    while True:
        votes = b"".join(flooder.heard)
        await flooder.send(socket, votes * (4_000 // len(flooder.heard)))


def _votes(flooder: Flooder, key: PrivateKey, count: int) -> bytes:
    made = []
    for _ in range(count):
        height = flooder.height + random.randrange(4)
        digest = Hash32(os.urandom(32))
        draft = PrepareDraft(Prepare(height, random.randrange(3), digest))
        made.append(encode(sign_draft(draft, flooder.domain, key)))
    return b"".join(made)


def _strangers_votes(flooder: Flooder) -> bytes:
    return _votes(flooder, PrivateKey.generate(), 50)


def _own_votes(flooder: Flooder) -> bytes:
    return _votes(flooder, flooder.key, 50)


def _justified(flooder: Flooder) -> bytes:
    """ROUND_CHANGEs with as many PREPAREs as a message may hold, of strangers."""
    digest = Hash32(os.urandom(32))
    draft = PrepareDraft(Prepare(flooder.height, 0, digest))
    signed = sign_draft(draft, flooder.domain, flooder.key).signed
    change = RoundChange(flooder.height, 1, 0, digest)
    message = sign_draft(
        RoundChangeDraft(change, (signed,) * 64),  # type: ignore[arg-type]
        flooder.domain,
        flooder.key,
    )
    return encode(message) * 200


def _questions(flooder: Flooder) -> bytes:
    hashes = tuple(Hash32(os.urandom(32)) for _ in range(1_000))
    blocks = GetBlocks(random.randrange(2**32), 1, MAX_BLOCKS_PER_ANSWER)
    return encode(GetTransactions(1, hashes)) + encode(blocks)


def _junk_transactions(_: Flooder) -> bytes:
    return encode(TransactionBatch(tuple(os.urandom(120) for _ in range(1_000))))


STATUS = encode(Status(1, ZERO_HASH, 0))
DEEP = bytes([0x92, Kind.TRANSACTION_BATCH]) + b"\x91" * 1_000_000
BOMB = bytes([0x92, Kind.TRANSACTION_BATCH, 0xDD, 0, 15, 66, 64]) + b"\x90" * 1_000_000
LARGE = b"x" * (limits.MAX_FRAME_BYTES + 1)
DEEP_HELLO = (
    b"POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 512\r\n\r\n" + b"\x91" * 512
)
ENDLESS_HELLO = b"POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n"
PACE_S = 0.04
"""Between fifty votes: a little less than FRAMES_PER_S."""

Attack = Callable[[Flooder], Awaitable[None]]


async def _hello_of_nobody(flooder: Flooder) -> None:
    flooder.key = PrivateKey.generate()
    async with flooder.session() as session:
        with flooder.life():
            await flooder.hello(session)


def _talk(talk: Talk) -> Attack:
    return lambda flooder: flooder.admitted(talk)


def _strange(data: Callable[[], bytes], tls: bool, pause_s: float = 0.0) -> Attack:
    return lambda flooder: flooder.stranger(data, tls, pause_s)


@dataclass(frozen=True)
class Flood:
    """One kind: how a connection misbehaves, and how many do at a time on a node."""

    attack: Attack
    workers: int = 1
    key: str = "none"
    """Whose: none, observer or validator."""
    is_cut: bool = True
    """Whether the nodes must end its connections."""


FLOODS = {
    "random bytes": Flood(_strange(lambda: os.urandom(CHUNK), False), 8),
    "an endless hello": Flood(_strange(lambda: ENDLESS_HELLO + bytes(CHUNK), True), 4),
    "deep hellos": Flood(_strange(lambda: DEEP_HELLO, True), 4),
    "silent connections": Flood(_strange(lambda: b"", False, 60.0), 40),
    "dripping handshakes": Flood(_strange(lambda: b"P", True, DRIP_S), 20),
    "hellos of strangers": Flood(_hello_of_nobody, 4),
    "malformed frames": Flood(_talk(saying(lambda _: os.urandom(500))), key="observer"),
    "deep frames": Flood(_talk(saying(lambda _: DEEP)), key="observer"),
    "empty arrays": Flood(_talk(saying(lambda _: BOMB)), key="observer"),
    "oversized frames": Flood(_talk(saying(lambda _: LARGE)), key="observer"),
    "slow frames": Flood(_talk(slow_frame), key="observer"),
    "pings": Flood(_talk(pings), key="observer"),
    "fragments": Flood(_talk(fragments), key="observer"),
    "good frames": Flood(_talk(saying(lambda _: STATUS * 1_000)), key="observer"),
    "junk justifications": Flood(_talk(saying(_justified)), key="observer"),
    "replays": Flood(_talk(replay), key="observer"),
    "junk transactions": Flood(_talk(saying(_junk_transactions)), key="observer"),
    "questions": Flood(_talk(saying(_questions)), key="observer"),
    "reconnections": Flood(_talk(hang_up), 2, key="observer"),
    "votes just below the limit": Flood(
        _talk(saying(_strangers_votes, PACE_S)), key="observer", is_cut=False
    ),
    "a validator's votes": Flood(_talk(saying(_own_votes)), key="validator"),
}


async def run(directory: Path, kind: str, seconds: float) -> Tally:
    """Flood every node for so long."""
    flood, tally = FLOODS[kind], Tally()
    places = read_network(directory)
    genesis = load_genesis(places[0].directory)
    ends_s = time.monotonic() + seconds
    own = places[-1] if flood.key == "validator" else None

    async def work(place: NodePlace) -> None:
        flooder = Flooder(place, genesis, tally)
        if flood.key == "observer":
            secret = (directory / "flooders" / kind).read_bytes()
            flooder.key = PrivateKey(secret)
        elif own is not None:
            flooder.key = load_node_key(own.directory)
        while time.monotonic() < ends_s:
            try:
                await flood.attack(flooder)
            except (OSError, ssl.SSLError, EOFError, aiohttp.ClientError):
                tally.refused += 1
                await asyncio.sleep(RETRY_S)

    targets = [place for place in places if place is not own]
    works = [work(place) for place in targets for _ in range(flood.workers)]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.gather(*works)
    return tally


if __name__ == "__main__":
    found = asyncio.run(run(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])))
    print(json.dumps(asdict(found)))
