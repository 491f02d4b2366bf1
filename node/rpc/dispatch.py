"""From request bytes to answer bytes: JSON-RPC 2.0 with batches and limits.

Whatever comes in, what goes out is JSON-RPC: unreadable bytes give -32700, a wrong
envelope -32600, and one bad element of a batch answers for itself alone. Notifications
(requests without an id) get no answer. Elements of a batch run concurrently, those of a
method that has a bulk handler in one call; answers keep the order of the requests.
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
BulkHandler: TypeAlias = Callable[[list[Any]], Awaitable[list[Any]]]
"""Parameters of many requests -> the result of each, or the RpcError it deserves."""

MAX_ID_CHARACTERS = 256
MAX_NESTING = 100
"""Levels that are encoded in one go; orjson takes 254."""


class Dispatcher:
    """Answers requests with the given methods."""

    def __init__(
        self,
        methods: Methods,
        max_batch: int,
        bulk: Mapping[str, BulkHandler] | None = None,
    ) -> None:
        self._methods = dict(methods)
        self._max_batch = max_batch
        self._bulk = dict(bulk or {})
        self.requests: dict[str, int] = {}
        """Requests answered, by method; a counter for the metrics."""

    @property
    def methods(self) -> frozenset[str]:
        """The names that are answered, those of single connections left out."""
        return frozenset(self._methods)

    def extend(self, methods: Methods) -> None:
        """Add methods that only one kind of chain has; they replace those they name."""
        self._methods.update(methods)
        for name in methods:
            self._bulk.pop(name, None)

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
        alike: dict[str, list[int]] = {}
        single: list[int] = []
        for at, request in enumerate(requests):
            name = _bulk_name(request)
            group = alike.setdefault(name, []) if name in self._bulk else single
            group.append(at)
        answers: list[Any] = [None] * len(requests)

        async def one(at: int) -> None:
            answers[at] = await self._answer_one(requests[at], extra)

        async def many(name: str, group: list[int]) -> None:
            found = await self._answer_alike(name, [requests[at] for at in group])
            for at, answer in zip(group, found, strict=True):
                answers[at] = answer

        await asyncio.gather(
            *(one(at) for at in single),
            *(many(name, group) for name, group in alike.items()),
        )
        given = [answer for answer in answers if answer is not None]
        return _encode(given) if given else None

    async def _answer_alike(
        self, name: str, requests: list[dict[str, Any]]
    ) -> list[dict[str, Any] | None]:
        """Many well-formed requests of one method, in one call."""
        self.requests[name] = self.requests.get(name, 0) + len(requests)
        try:
            found = await self._bulk[name]([r.get("params") for r in requests])
        except Exception:
            # As for one: a bug in a handler must not take the connection with it.
            logger.exception("%s failed for %d requests", name, len(requests))
            bug = RpcError(INTERNAL_ERROR, "internal error; see the node's log")
            found = [bug] * len(requests)
        return [
            _result(request["id"], result) if "id" in request else None
            for request, result in zip(requests, found, strict=True)
        ]

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
        return _result(request_id, result)


def _bulk_name(request: Any) -> str:
    """The method of a request whose envelope is right, else nothing."""
    try:
        return _envelope(request)[1]
    except RpcError:
        return ""


def _result(request_id: Any, result: Any) -> dict[str, Any]:
    if isinstance(result, RpcError):
        return _failure(request_id, result)
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
    try:
        return orjson.dumps(answer)
    except orjson.JSONEncodeError:  # nested too deep, as traces of deep calls are
        return orjson.dumps(_with_parts_encoded(answer))


def _with_parts_encoded(answer: Any) -> Any:
    """The same value; what lies deeper than each MAX_NESTING levels is encoded already.

    Without recursion: a trace is as deep as its calls, twice a thousand levels.
    """
    parts: list[tuple[Any, Any, Any]] = []
    level: list[Any] = [answer]
    depth = 0
    while level:
        depth += 1
        below = []
        for parent in level:
            members = parent.items() if isinstance(parent, dict) else enumerate(parent)
            for key, member in members:
                if isinstance(member, dict | list):
                    below.append(member)
                    if depth % MAX_NESTING == 0:
                        parts.append((parent, key, member))
        level = below
    for parent, key, member in reversed(parts):
        parent[key] = orjson.Fragment(orjson.dumps(member))
    return answer
