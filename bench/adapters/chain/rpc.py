"""JSON-RPC to several nodes of one chain: single calls, batches, and who answers.

A node that refuses the connection is left out for a moment and the next one is asked;
which node a request went to is the caller's to choose first (`home`), so that shoppers
are spread over all nodes as they would be in life.
"""

import time
from collections.abc import Sequence
from typing import Any

from bench.adapters.http import Broken, HttpClient
from bench.errors import BenchError
from bench.scenario.model import CLIENTS

AVOID_DEAD_NODE_S = 1.0
BATCH_MAX = 40


class RpcRefusal(BenchError):
    """A node answered with an error. `code` and `data` as in JSON-RPC."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(str(error.get("message", error)))
        self.code = int(error.get("code", 0))
        self.data = error.get("data")


class Nodes:
    """The nodes of a chain, by URL."""

    def __init__(self, urls: Sequence[str], client: str = CLIENTS[0]) -> None:
        self.urls = list(urls)
        self._http = HttpClient(list(urls), client)
        self._avoid_until = [0.0] * len(self.urls)

    async def open(self) -> None:
        """Make the connection pool."""
        await self._http.open()

    async def close(self) -> None:
        """Close the pool."""
        await self._http.close()

    def choose(self, home: int) -> int:
        """The node to ask: `home` or, while it is avoided, one of the others."""
        count = len(self.urls)
        now_s = time.monotonic()
        for offset in range(count):
            node = (home + offset) % count
            if self._avoid_until[node] <= now_s:
                return node
        return home % count

    async def call(self, node: int, method: str, *params: Any) -> Any:
        """One call to one node. Raises Broken or RpcRefusal."""
        request = _request(0, method, params)
        answer = await self._post(node, request)
        if not isinstance(answer, dict):
            raise RpcRefusal({"message": f"{method} got no JSON-RPC answer"})
        return _result(answer)

    async def batch(
        self, node: int, calls: Sequence[tuple[str, tuple[Any, ...]]]
    ) -> list[Any]:
        """Several calls in as few requests as the batch limit allows. An element that
        was refused is an RpcRefusal in the list, not an exception."""
        results: list[Any] = []
        for first in range(0, len(calls), BATCH_MAX):
            chunk = calls[first : first + BATCH_MAX]
            body = [_request(n, method, p) for n, (method, p) in enumerate(chunk)]
            answers = await self._post(node, body)
            if not isinstance(answers, list):
                raise RpcRefusal({"message": f"a batch was refused: {answers}"})
            by_id = {answer.get("id"): answer for answer in answers}
            for number in range(len(chunk)):
                try:
                    results.append(_result(by_id[number]))
                except RpcRefusal as refusal:
                    results.append(refusal)
        return results

    async def anywhere(self, method: str, *params: Any) -> Any:
        """One call to the first node that answers at all."""
        broken: Broken | None = None
        for node in range(len(self.urls)):
            try:
                return await self.call(node, method, *params)
            except Broken as problem:
                broken = problem
        raise BenchError(f"no node answers {method}: {broken}")

    async def _post(self, node: int, body: Any) -> Any:
        try:
            reply = await self._http.request("POST", self.urls[node], body)
        except Broken as broken:
            if not broken.sent:
                self._avoid_until[node] = time.monotonic() + AVOID_DEAD_NODE_S
            raise
        return reply.body


def _request(number: int, method: str, params: Sequence[Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}


def _result(answer: dict[str, Any]) -> Any:
    if answer.get("error") is not None:
        raise RpcRefusal(answer["error"])
    return answer.get("result")
