"""web3.py providers that answer in the process: no socket, no server.

Requests take the same way as over HTTP, from bytes to bytes, so that what passes here
passes there. Subscriptions need a WebSocket: `InProcessChain.serve` opens one.
Works with web3.py 7 and 8.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from web3.providers.async_base import AsyncJSONBaseProvider
from web3.providers.base import JSONBaseProvider


class InProcessProvider(JSONBaseProvider):
    """`answer` takes the bytes of a request and gives those of the answer."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        super().__init__()
        self._answer = answer

    def make_request(self, method: Any, params: Any) -> Any:
        """One request."""
        raw = self._answer(self.encode_rpc_request(method, params))
        return self.decode_rpc_response(raw)

    def make_batch_request(self, requests: list[tuple[Any, Any]]) -> Any:
        """Several at once; the answers in their order."""
        raw = self._answer(self.encode_batch_rpc_request(requests))
        return _in_order(json.loads(raw))


class AsyncInProcessProvider(AsyncJSONBaseProvider):
    """The same for asynchronous callers."""

    def __init__(self, answer: Callable[[bytes], Awaitable[bytes]]) -> None:
        super().__init__()
        self._answer = answer

    async def make_request(self, method: Any, params: Any) -> Any:
        """One request."""
        raw = await self._answer(self.encode_rpc_request(method, params))
        return self.decode_rpc_response(raw)

    async def make_batch_request(self, requests: list[tuple[Any, Any]]) -> Any:
        """Several at once; the answers in their order."""
        raw = await self._answer(self.encode_batch_rpc_request(requests))
        return _in_order(json.loads(raw))


def _in_order(answers: Any) -> Any:
    if isinstance(answers, dict):  # the batch as a whole was refused
        return answers
    return sorted(answers, key=lambda answer: int(answer["id"]))
