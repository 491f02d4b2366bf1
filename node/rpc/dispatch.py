"""From request bytes to answer bytes: JSON-RPC 2.0 with batches and limits.

Whatever comes in, what goes out is JSON-RPC: unreadable bytes give -32700, a wrong
envelope -32600, and one bad element of a batch answers for itself alone. Notifications
(requests without an id) get no answer. Elements of a batch run concurrently, so that
raw transactions in it reach the pool together; answers keep the order of the requests.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import orjson

from node.rpc.errors import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    PARSE_ERROR,
    RpcError,
    method_not_found,
)

logger = logging.getLogger(__name__)

Handler: TypeAlias = Callable[[Any], Awaitable[Any]]
Methods: TypeAlias = Mapping[str, Handler]

MAX_ID_CHARACTERS = 256


class Dispatcher:
    """Answers requests with the given methods."""

    def __init__(self, methods: Methods, max_batch: int) -> None:
        self._methods = dict(methods)
        self._max_batch = max_batch
        self.requests: dict[str, int] = {}
        """Requests answered, by method; a counter for the metrics."""

    @property
    def methods(self) -> frozenset[str]:
        """The names that are answered, those of single connections left out."""
        return frozenset(self._methods)

    def extend(self, methods: Methods) -> None:
        """Add methods that only one kind of chain has; they replace those they name."""
        self._methods.update(methods)

    async def answer(self, body: bytes, extra: Methods | None = None) -> bytes | None:
        """The answer to one HTTP body or WebSocket message; None for notifications.

        `extra` are methods that only this connection has (subscriptions).
        """
        try:
            request = orjson.loads(body)
        except ValueError as error:
            return _encode(
                _failure(None, RpcError(PARSE_ERROR, f"parse error: {error}"))
            )
        if isinstance(request, list):
            return await self._answer_batch(request, extra)
        answer = await self._answer_one(request, extra)
        return None if answer is None else _encode(answer)

    async def _answer_batch(
        self, requests: list[Any], extra: Methods | None
    ) -> bytes | None:
        if not requests:
            return _encode(_failure(None, RpcError(INVALID_REQUEST, "empty batch")))
        if len(requests) > self._max_batch:
            message = f"batch too large: {len(requests)}, at most {self._max_batch}"
            return _encode(_failure(None, RpcError(INVALID_REQUEST, message)))
        answers = await asyncio.gather(
            *(self._answer_one(request, extra) for request in requests)
        )
        given = [answer for answer in answers if answer is not None]
        return _encode(given) if given else None

    async def _answer_one(
        self, request: Any, extra: Methods | None
    ) -> dict[str, Any] | None:
        try:
            request_id, name, params = _envelope(request)
        except RpcError as error:
            return _failure(_id_of(request), error)
        handler = self._methods.get(name) or (extra or {}).get(name)
        known = name if handler else "unknown"
        self.requests[known] = self.requests.get(known, 0) + 1
        try:
            if handler is None:
                raise method_not_found(name)
            result = await handler(params)
        except RpcError as error:
            return _failure(request_id, error) if "id" in request else None
        except Exception:
            # A bug in a handler must not take the node or the connection with it.
            logger.exception("%s failed", name)
            bug = RpcError(INTERNAL_ERROR, "internal error; see the node's log")
            return _failure(request_id, bug) if "id" in request else None
        if "id" not in request:
            return None
        return {"jsonrpc": "2.0", "id": request_id, "result": result}


def _envelope(request: Any) -> tuple[Any, str, Any]:
    if not isinstance(request, dict):
        raise RpcError(INVALID_REQUEST, "invalid request: expected an object")
    if request.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, 'invalid request: "jsonrpc" must be "2.0"')
    request_id = request.get("id")
    if request_id is not None and _id_of(request) is None:
        raise RpcError(INVALID_REQUEST, "invalid request: id is a string or a number")
    name = request.get("method")
    if not isinstance(name, str):
        raise RpcError(INVALID_REQUEST, "invalid request: method is a string")
    return request_id, name, request.get("params")


def _id_of(request: Any) -> Any:
    """The id to answer with; None when it is not one."""
    found = request.get("id") if isinstance(request, dict) else None
    if isinstance(found, str) and len(found) <= MAX_ID_CHARACTERS:
        return found
    if isinstance(found, int | float) and not isinstance(found, bool):
        return found
    return None


def _failure(request_id: Any, error: RpcError) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "error": error.to_json()}


def _encode(answer: Any) -> bytes:
    return orjson.dumps(answer)
