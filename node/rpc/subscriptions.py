"""eth_subscribe on one WebSocket connection: newHeads, logs, newPendingTransactions.

Notifications go through the connection's bounded queue: a reader that is too slow loses
its connection rather than the node its memory, and can catch up by asking for blocks.
"""

import secrets
from collections.abc import Callable
from typing import Any

import orjson

from node.primitives.types import Hash32
from node.rpc.backend import Backend, Head
from node.rpc.dispatch import Methods
from node.rpc.errors import LIMIT_EXCEEDED, RpcError, invalid_params
from node.rpc.formats import header_json, hex_data
from node.rpc.methods.logs import Criteria, logs_of, parse_criteria
from node.rpc.params import Params

Send = Callable[[bytes], None]


class Subscriptions:
    """The subscriptions of one connection; `close` ends them."""

    def __init__(self, backend: Backend, send: Send, most: int) -> None:
        self._send = send
        self._most = most
        self._heads: list[str] = []
        self._logs: dict[str, Criteria] = {}
        self._pending: list[str] = []
        self._stops = (
            backend.on_head(self._on_head),
            backend.on_pending(self._on_pending),
        )

    def close(self) -> None:
        """Hear of heads no more."""
        for stop in self._stops:
            stop()

    def table(self) -> Methods:
        """Name -> handler."""
        return {"eth_subscribe": self.subscribe, "eth_unsubscribe": self.unsubscribe}

    async def subscribe(self, raw: Any) -> str:
        params = Params(raw, 2)
        kind = params.required(0)
        if len(self._heads) + len(self._logs) + len(self._pending) >= self._most:
            raise RpcError(
                LIMIT_EXCEEDED, f"at most {self._most} subscriptions a connection"
            )
        name = "0x" + secrets.token_hex(16)
        if kind == "newHeads":
            self._heads.append(name)
        elif kind == "logs":
            self._logs[name] = parse_criteria(params.object(1, optional=True))
        elif kind == "newPendingTransactions":
            self._pending.append(name)
        else:
            raise invalid_params(
                f"no {kind!r} subscription: newHeads, logs, newPendingTransactions"
            )
        return name

    async def unsubscribe(self, raw: Any) -> bool:
        name = Params(raw, 1).required(0)
        for names in (self._heads, self._pending):
            if name in names:
                names.remove(name)
                return True
        return (
            self._logs.pop(name, None) is not None if isinstance(name, str) else False
        )

    def _on_head(self, head: Head) -> None:
        if self._heads:
            result = header_json(head.block.header)
            for name in self._heads:
                self._notify(name, result)
        for name, criteria in self._logs.items():
            for log in logs_of(head.block, head.receipts, criteria):
                self._notify(name, log)

    def _on_pending(self, hashes: tuple[Hash32, ...]) -> None:
        for name in self._pending:
            for transaction_hash in hashes:
                self._notify(name, hex_data(transaction_hash))

    def _notify(self, name: str, result: Any) -> None:
        params = {"subscription": name, "result": result}
        message = {"jsonrpc": "2.0", "method": "eth_subscription", "params": params}
        self._send(orjson.dumps(message))
