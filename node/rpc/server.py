"""JSON-RPC over HTTP POST and WebSocket on one port, with limits.

What protects the node: a body limit, a batch limit, a token bucket a client address, a
cap on connections and subscriptions, a bounded queue to each WebSocket reader, the Host
allowlist (DNS rebinding), CORS off by default, and a token where one is set. Every
answer is JSON-RPC, also those that refuse.
"""

import asyncio
import contextlib
import logging
from collections import OrderedDict
from typing import Any

import orjson
from aiohttp import WSMsgType, web

from node.config import RpcConfig
from node.rpc.backend import Backend
from node.rpc.dispatch import Dispatcher
from node.rpc.errors import INVALID_REQUEST, LIMIT_EXCEEDED, RpcError
from node.rpc.subscriptions import Subscriptions
from node.rpc.token import token_guard

logger = logging.getLogger(__name__)

MAX_QUEUED_MESSAGES = 10_000
MAX_REQUESTS_IN_FLIGHT = 256
MAX_BUCKETS = 4_096
KEEPALIVE_S = 75.0
WEBSOCKET_HEARTBEAT_S = 30.0
SHUTDOWN_TIMEOUT_S = 3.0
JSON = "application/json"


class RpcAddressTaken(Exception):
    """The port cannot be bound; says what to do."""

    exit_code = 2


class RpcServer:
    """Serves a dispatcher; `start` binds, `stop` drains and closes."""

    def __init__(
        self, backend: Backend, dispatcher: Dispatcher, config: RpcConfig
    ) -> None:
        self._backend = backend
        self._dispatcher = dispatcher
        self._config = config
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._sockets: list[web.WebSocketResponse] = []
        self._runner: web.AppRunner | None = None
        self.port = config.port
        self.app = web.Application(
            client_max_size=config.max_body_bytes,
            middlewares=[
                self._guard,
                *([token_guard(config.token)] if config.token else []),
            ],
        )
        self.app.router.add_post("/", self._post)
        self.app.router.add_get("/", self._get)
        self.app.router.add_get("/ws", self._get)
        self.app.router.add_options("/", self._preflight)

    async def start(self) -> None:
        """Bind and serve. Raises RpcAddressTaken."""
        self._runner = web.AppRunner(
            self.app,
            access_log=None,
            keepalive_timeout=KEEPALIVE_S,
            shutdown_timeout=SHUTDOWN_TIMEOUT_S,
        )
        await self._runner.setup()
        host, port = self._config.host, self._config.port
        try:
            await web.TCPSite(self._runner, host, port, reuse_address=True).start()
        except OSError as error:
            await self._runner.cleanup()
            raise RpcAddressTaken(
                f"JSON-RPC cannot listen on {host}:{port} ({error.strerror}): end what "
                "uses the port, or choose another with --rpc-port"
            ) from None
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close the connections after the requests under way."""
        for socket in list(self._sockets):
            await socket.close(code=1001, message=b"the node stops")
        if self._runner is not None:
            await self._runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if not self._is_host_allowed(request.host):
            return _refusal(
                403,
                f"host {request.host!r} is not allowed; add it to [rpc] allowed_hosts",
            )
        try:
            response: web.StreamResponse = await handler(request)
        except web.HTTPRequestEntityTooLarge:
            limit = self._config.max_body_bytes
            return _refusal(413, f"the body is larger than {limit} bytes")
        except web.HTTPMethodNotAllowed:
            return _refusal(405, "use POST for JSON-RPC, or GET to open a WebSocket")
        except web.HTTPNotFound:
            return _refusal(404, "JSON-RPC is served at /")
        self._add_cors(request, response)
        return response

    def _is_host_allowed(self, host: str) -> bool:
        allowed = self._config.allowed_hosts
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        return "*" in allowed or name in allowed

    def _add_cors(self, request: web.Request, response: web.StreamResponse) -> None:
        origin = request.headers.get("Origin")
        origins = self._config.cors_origins
        if origin and not response.prepared and (origin in origins or "*" in origins):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Vary"] = "Origin"

    async def _preflight(self, request: web.Request) -> web.Response:
        headers = {
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": "Authorization, Content-Type",
            "Access-Control-Max-Age": "600",
        }
        return web.Response(status=204, headers=headers)

    async def _post(self, request: web.Request) -> web.Response:
        if not self._take_token(request.remote or ""):
            return _refusal(429, "too many requests from this address", LIMIT_EXCEEDED)
        body = await request.read()
        answer = await self._dispatcher.answer(body)
        if answer is None:
            return web.Response(status=204)
        return web.Response(body=answer, content_type=JSON)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return _refusal(405, "use POST for JSON-RPC, or GET to open a WebSocket")
        origin = request.headers.get("Origin")
        if origin and not self._is_origin_allowed(origin, request.host):
            return _refusal(403, f"origin {origin!r} is not in [rpc] cors_origins")
        if len(self._sockets) >= self._config.max_websockets:
            limit = self._config.max_websockets
            return _refusal(503, f"{limit} WebSocket clients already", LIMIT_EXCEEDED)
        socket = web.WebSocketResponse(
            compress=False,
            heartbeat=WEBSOCKET_HEARTBEAT_S,
            max_msg_size=self._config.max_body_bytes,
        )
        await socket.prepare(request)
        self._sockets.append(socket)
        try:
            client = _SocketClient(socket, self._dispatcher, self._backend)
            await client.run(self._config.max_subscriptions, request.remote or "", self)
        finally:
            self._sockets.remove(socket)
        return socket

    def _is_origin_allowed(self, origin: str, host: str) -> bool:
        """A page of the node itself, or one that the operator listed."""
        origins = self._config.cors_origins
        same = origin.split("://", 1)[-1] == host
        return same or origin in origins or "*" in origins

    def _take_token(self, client: str) -> bool:
        bucket = self._buckets.get(client)
        if bucket is None:
            bucket = self._buckets[client] = _Bucket(self._config.rate_per_s)
            if len(self._buckets) > MAX_BUCKETS:
                self._buckets.popitem(last=False)
        return bucket.take(asyncio.get_running_loop().time())

    take_token = _take_token


class _Bucket:
    """A token bucket: `rate` tokens a second, as many at once."""

    __slots__ = ("_at", "_rate", "_tokens")

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._tokens = float(rate)
        self._at = 0.0

    def take(self, now: float) -> bool:
        self._tokens = min(self._rate, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class _SocketClient:
    """One WebSocket client: a reader, a bounded number of workers, one writer."""

    def __init__(
        self, socket: web.WebSocketResponse, dispatcher: Dispatcher, backend: Backend
    ) -> None:
        self._socket = socket
        self._dispatcher = dispatcher
        self._backend = backend
        self._queue: asyncio.Queue[bytes] = asyncio.Queue(MAX_QUEUED_MESSAGES)
        self._in_flight = asyncio.Semaphore(MAX_REQUESTS_IN_FLIGHT)
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self, most: int, remote: str, server: RpcServer) -> None:
        """Serve until the client leaves."""
        subscriptions = Subscriptions(self._backend, self._send, most)
        methods = subscriptions.table()
        writer = asyncio.create_task(self._write())
        try:
            async for message in self._socket:
                if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    break
                if not server.take_token(remote):
                    self._send(_limit_answer())
                    continue
                data = message.data
                body = data.encode() if isinstance(data, str) else bytes(data)
                await self._in_flight.acquire()
                self._spawn(self._answer(body, methods))
        finally:
            subscriptions.close()
            for task in (writer, *self._tasks):
                task.cancel()
            await asyncio.gather(writer, *self._tasks, return_exceptions=True)

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.append(task)
        task.add_done_callback(self._tasks.remove)

    async def _answer(self, body: bytes, methods: Any) -> None:
        try:
            answer = await self._dispatcher.answer(body, methods)
            if answer is not None:
                self._send(answer)
        finally:
            self._in_flight.release()

    def _send(self, message: bytes) -> None:
        try:
            self._queue.put_nowait(message)
        except asyncio.QueueFull:
            logger.warning("a WebSocket client reads too slowly and is disconnected")
            self._spawn(self._drop())

    async def _drop(self) -> None:
        await self._socket.close(code=1013, message=b"reads too slowly")

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                message = await self._queue.get()
                await self._socket.send_str(message.decode())


def _refusal(status: int, message: str, code: int = INVALID_REQUEST) -> web.Response:
    return web.Response(
        status=status, body=_error_answer(code, message), content_type=JSON
    )


def _limit_answer() -> bytes:
    return _error_answer(LIMIT_EXCEEDED, "too many requests from this address")


def _error_answer(code: int, message: str) -> bytes:
    error = RpcError(code, message).to_json()
    return orjson.dumps({"jsonrpc": "2.0", "id": None, "error": error})
