"""The listening side: strangers come in, peers are handed on.

A stranger costs little before it has proven who it is: the number of such connections
is bounded (the oldest makes room), each has HANDSHAKE_TIMEOUT_S from accept to proof
whatever it is doing meanwhile, headers and the one body are small, nothing is
decompressed, and the WebSocket exists only after the proof. New connections are taken
at a bounded rate.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp import web

from node.primitives.types import Address
from node.transport import limits
from node.transport.handshake import (
    HandshakeRefused,
    ServerSide,
    decode_hello,
    decode_proof,
)
from node.transport.peer import Peer
from node.transport.pieces import InboundSocket
from node.transport.settings import MeshError

log = logging.getLogger(__name__)


class Gate(Protocol):
    """What the listener asks of the mesh."""

    def validate_stranger(self, address: Address) -> None:
        """Raises HandshakeRefused when the address may not be a peer now."""
        ...

    def validate_inbound(self, address: Address) -> None:
        """Raises HandshakeRefused when its connection is not wanted (duplicate)."""
        ...

    def on_refused(self, who: str, refusal: HandshakeRefused) -> None:
        """Count it and log it once."""
        ...


class _Stranger:
    """A connection that has proven nothing yet."""

    __slots__ = ("address", "protocol", "raw", "timer")

    def __init__(self, address: str, raw: socket.socket) -> None:
        self.address = address
        self.raw = raw
        self.protocol: asyncio.Protocol | None = None
        self.timer: asyncio.TimerHandle | None = None


class Listener:
    """Listens from `start` to `stop`; `port` is the bound one."""

    def __init__(
        self,
        endpoint: tuple[str, int],
        context: ssl.SSLContext | None,
        server_side: ServerSide,
        gate: Gate,
        run_peer: Callable[[Peer], Awaitable[None]],
    ) -> None:
        self._endpoint = endpoint
        self._context = context
        self._server_side = server_side
        self._gate = gate
        self._run_peer = run_peer
        self._strangers: dict[_Stranger, None] = {}
        self._by_protocol: dict[object, _Stranger] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._socket: socket.socket | None = None
        self.port = 0
        """The bound port, from `start` on."""
        self._server = web.Server(
            self._handle,
            access_log=None,
            logger=logging.getLogger(f"{__name__}.http"),
            auto_decompress=False,
            keepalive_timeout=limits.HANDSHAKE_TIMEOUT_S,
            lingering_time=0.0,
            max_line_size=limits.MAX_HEADER_BYTES,
            max_field_size=limits.MAX_HEADER_BYTES,
        )

    async def start(self) -> None:
        """Bind and accept. Raises MeshError when the port is taken."""
        host, port = self._endpoint
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._socket = socket.create_server(
                (host, port), family=family, backlog=limits.MAX_ACCEPTS_PER_S
            )
        except OSError as error:
            raise MeshError(
                f"cannot listen for peers on {host}:{port} ({error.strerror or error}):"
                " stop what uses the port, or set p2p.port"
            ) from error
        self._socket.setblocking(False)
        self.port = self._socket.getsockname()[1]
        self._accepting = asyncio.ensure_future(self._accept(self._socket))

    async def stop(self) -> None:
        """Stop accepting and drop strangers; peers are ended by the mesh."""
        if self._socket is None:
            return
        self._accepting.cancel()
        await asyncio.gather(self._accepting, return_exceptions=True)
        self._socket.close()
        for stranger in list(self._strangers):
            self._drop(stranger)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.shutdown(limits.CLOSE_TIMEOUT_S)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                raw, peer_name = await loop.sock_accept(listening)
            except OSError as error:  # out of descriptors, or gone before we looked
                log.warning("accepting a connection failed: %s", error)
                await asyncio.sleep(0.1)
                continue
            stranger = _Stranger(str(peer_name[0]), raw)
            self._make_room(stranger.address)
            self._strangers[stranger] = None
            stranger.timer = loop.call_later(
                limits.HANDSHAKE_TIMEOUT_S, self._drop, stranger
            )
            task = asyncio.ensure_future(self._connect(stranger))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            await asyncio.sleep(1 / limits.MAX_ACCEPTS_PER_S)

    async def _connect(self, stranger: _Stranger) -> None:
        """TLS, then HTTP takes over."""

        def protocol() -> asyncio.Protocol:
            made = self._server()
            stranger.protocol = made
            self._by_protocol[made] = stranger
            return made

        timeout = limits.HANDSHAKE_TIMEOUT_S if self._context else None
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                protocol,
                stranger.raw,
                ssl=self._context,
                ssl_handshake_timeout=timeout,
            )
        except (OSError, ssl.SSLError) as error:
            self._gate.on_refused(
                stranger.address, HandshakeRefused(f"no TLS: {type(error).__name__}")
            )
            self._drop(stranger)

    def _make_room(self, address: str) -> None:
        """With too many strangers, of one address or in all, the oldest goes."""
        same = [s for s in self._strangers if s.address == address]
        if len(same) >= limits.MAX_STRANGERS_PER_ADDRESS:
            self._drop(same[0])
        if len(self._strangers) >= limits.MAX_STRANGERS:
            self._drop(next(iter(self._strangers)))

    def _settle(self, stranger: _Stranger) -> None:
        """It is no stranger any more: no timer, no place in the table."""
        self._strangers.pop(stranger, None)
        self._by_protocol.pop(stranger.protocol, None)
        if stranger.timer is not None:
            stranger.timer.cancel()

    def _drop(self, stranger: _Stranger) -> None:
        """Cut it off at whatever stage it is."""
        self._settle(stranger)
        transport = getattr(stranger.protocol, "transport", None)
        if transport is not None:
            transport.abort()
        else:
            with contextlib.suppress(OSError):
                stranger.raw.shutdown(socket.SHUT_RDWR)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        stranger = self._by_protocol.get(request.protocol)
        if stranger is None:
            return _refusal(HandshakeRefused("one connection, one peer"))
        try:
            if request.method == "POST" and request.path == "/hello":
                return await self._hello(request)
            if request.method == "GET" and request.path == "/peer":
                return await self._upgrade(request, stranger)
            raise HandshakeRefused("this port is for peers; JSON-RPC has its own")
        except (ConnectionError, asyncio.IncompleteReadError):
            refusal = HandshakeRefused("it hung up in the middle", is_permanent=False)
        except HandshakeRefused as error:
            refusal = error
        self._gate.on_refused(stranger.address, refusal)
        return _refusal(refusal)

    async def _hello(self, request: web.BaseRequest) -> web.Response:
        length = request.content_length
        if length is None or length > limits.MAX_HELLO_BYTES:
            most = limits.MAX_HELLO_BYTES
            raise HandshakeRefused(f"a hello has at most {most} bytes")
        body = await request.content.readexactly(length) if length else b""
        hello = decode_hello(body)
        challenge = self._server_side.challenge(hello, _now_ms())
        self._gate.validate_stranger(hello.address)
        response = web.Response(body=challenge.encode())
        response.force_close()
        return response

    async def _upgrade(
        self, request: web.BaseRequest, stranger: _Stranger
    ) -> web.StreamResponse:
        proof = decode_proof(request.headers.get("Authorization", ""))
        self._gate.validate_stranger(proof.hello.address)
        address = self._server_side.verify(proof, _now_ms())
        self._gate.validate_inbound(address)
        websocket = InboundSocket(
            heartbeat=limits.HEARTBEAT_S,
            max_msg_size=limits.MAX_FRAME_BYTES,
            compress=False,
            autoping=False,  # pings are counted: `Peer` answers them
            timeout=limits.CLOSE_TIMEOUT_S,
        )
        if not websocket.can_prepare(request):
            raise HandshakeRefused("expected a WebSocket upgrade")
        await websocket.prepare(request)
        self._settle(stranger)
        await self._run_peer(Peer(address, stranger.address, True, websocket))
        return websocket


def _refusal(refusal: HandshakeRefused) -> web.Response:
    status = 403 if refusal.is_permanent else 409
    text = str(refusal)[: limits.MAX_REFUSAL_BYTES]
    response = web.Response(status=status, text=text)
    response.force_close()
    return response


def _now_ms() -> int:
    return int(time.monotonic() * 1000)
