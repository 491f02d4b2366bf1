"""Who is final, and since when: heads by WebSocket from every node, receipts per block.

The first node that tells of a block counts; its receipts say which transactions are in
it and how they ended. A block here is final by the chain's own rule (no
reorganisations); for a chain that can reorganise, choose another adapter. A watched
transaction is a future that any number of attempts may await. A node that offers no
WebSocket at the same address (geth has it on another port), or no subscription, is
asked for its height instead, a few times each block; the client's own wait for the next
look is then part of the latency, and at most POLL_S. Receipts are asked for by the
block or, of a node that does not know how to (geth before 1.13, GoQuorum), one by one.
"""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from bench.adapters.chain.rpc import Nodes, RpcRefusal
from bench.adapters.http import Broken
from bench.errors import BenchError

RECONNECT_S = 0.5
POLL_S = 0.02
FIRST_NODE_TIMEOUT_S = 30.0
MESSAGE_BYTES_MAX = 8 << 20
BLOCKS_BEHIND_MAX = 10_000
METHOD_NOT_FOUND = -32601
HEAD_TIMEOUT_S = 2.0  # where other nodes can tell the same


@dataclass(frozen=True, slots=True)
class Final:
    """A transaction in a final block. `final_ns` on the monotonic clock."""

    succeeded: bool
    logs: list[dict[str, Any]]
    block: int
    final_ns: int


class Watcher:
    """Follows the chain on all its nodes at once."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._expected: dict[str, asyncio.Future[Final]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._session: aiohttp.ClientSession | None = None
        self._lock = asyncio.Lock()
        self._one_by_one: set[int] = set()
        self.height = -1
        self.opened_at = 0
        self.blocks: list[dict[str, Any]] = []
        self.connected = asyncio.Event()

    async def open(self) -> None:
        """Begin to follow; returns once a first node is subscribed."""
        self.height = int(await self._nodes.anywhere("eth_blockNumber"), 16)
        self.opened_at = self.height
        self._session = aiohttp.ClientSession()
        self._tasks = [
            asyncio.create_task(self._follow(node))
            for node in range(len(self._nodes.urls))
        ]
        try:
            async with asyncio.timeout(FIRST_NODE_TIMEOUT_S):
                await self.connected.wait()
        except TimeoutError:
            await self.close()
            raise BenchError(
                f"no node lets a client follow it within {FIRST_NODE_TIMEOUT_S:g} s"
            ) from None

    async def close(self) -> None:
        """Stop following; nobody's future is resolved any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
        for future in self._expected.values():
            future.cancel()

    def expect(self, digest: str) -> asyncio.Future[Final]:
        """The future of a transaction, made at the first call for it."""
        future = self._expected.get(digest)
        if future is None:
            future = asyncio.get_running_loop().create_future()
            self._expected[digest] = future
        return future

    async def look_up(self, node: int, digest: str) -> bool:
        """Ask for the receipt outright (for a client that may have missed a block);
        True if the transaction is final."""
        receipt = await self._nodes.call(node, "eth_getTransactionReceipt", digest)
        if receipt is None:
            return False
        self._resolve(receipt, time.monotonic_ns())
        return True

    async def _follow(self, node: int) -> None:
        """One node's heads, again and again: nodes die in the middle of a run."""
        url = self._nodes.urls[node].replace("http", "ws", 1)
        while True:
            with suppress(aiohttp.ClientError, OSError, Broken, RpcRefusal):
                socket = await self._dial(url)
                if socket is None:
                    await self._poll(node)
                else:
                    async with socket:
                        await self._heads(node, socket)
            await asyncio.sleep(RECONNECT_S)

    async def _dial(self, url: str) -> aiohttp.ClientWebSocketResponse | None:
        """A WebSocket; None from a node that is there and will have none."""
        assert self._session is not None
        try:
            return await self._session.ws_connect(
                url, max_msg_size=MESSAGE_BYTES_MAX, compress=0
            )
        except aiohttp.ClientConnectorError:
            raise  # nobody is there
        except aiohttp.ClientError:
            return None

    async def _poll(self, node: int) -> None:
        """Ask for the height again and again; returns only by an error."""
        self.connected.set()
        while True:
            number = int(await self._nodes.call(node, "eth_blockNumber"), 16)
            if number > self.height:
                head = await self._block(node, number)
                await self._on_head(node, head, time.monotonic_ns())
            await asyncio.sleep(POLL_S)

    async def _heads(self, node: int, socket: aiohttp.ClientWebSocketResponse) -> None:
        request = {"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe"}
        await socket.send_str(
            orjson.dumps({**request, "params": ["newHeads"]}).decode()
        )
        async for message in socket:
            if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                return
            data = orjson.loads(message.data)
            if data.get("id") == 1:
                if "error" in data:
                    await self._poll(node)
                self.connected.set()
            head = data.get("params", {}).get("result")
            if isinstance(head, dict):
                await self._on_head(node, head, time.monotonic_ns())

    async def _on_head(self, node: int, head: dict[str, Any], seen_ns: int) -> None:
        """Take in every block up to a head that is news. A node that was stopped while
        it is asked must not keep the others' heads waiting."""
        number = int(head["number"], 16)
        if number <= self.height:
            return
        alone = len(self._nodes.urls) == 1
        async with self._lock, asyncio.timeout(None if alone else HEAD_TIMEOUT_S):
            first = max(self.height + 1, number - BLOCKS_BEHIND_MAX)
            for height in range(first, number + 1):
                block = head if height == number else await self._block(node, height)
                receipts = await self._receipts(node, block["number"])
                final_ns = time.monotonic_ns()
                for receipt in receipts:
                    self._resolve(receipt, final_ns)
                self.height = max(self.height, height)
                self._note(node, block, len(receipts), (seen_ns, final_ns))

    async def _receipts(self, node: int, number: str) -> list[dict[str, Any]]:
        """All receipts of a block, in one answer where the node gives them so."""
        if node not in self._one_by_one:
            try:
                found = await self._nodes.call(node, "eth_getBlockReceipts", number)
                return list(found or [])
            except RpcRefusal as refusal:
                if refusal.code != METHOD_NOT_FOUND:
                    raise
                self._one_by_one.add(node)
        block = await self._block(node, int(number, 16))
        method = "eth_getTransactionReceipt"
        receipts = await self._nodes.batch(
            node, [(method, (digest,)) for digest in block["transactions"]]
        )
        for receipt in receipts:
            if isinstance(receipt, RpcRefusal):
                raise receipt
            if receipt is None:
                raise RpcRefusal({"message": f"a receipt of block {number} is missing"})
        return receipts

    async def _block(self, node: int, height: int) -> dict[str, Any]:
        block = await self._nodes.call(node, "eth_getBlockByNumber", hex(height), False)
        if block is None:
            raise RpcRefusal({"message": f"block {height} is missing"})
        return dict(block)

    def _resolve(self, receipt: dict[str, Any], final_ns: int) -> None:
        future = self._expected.get(receipt["transactionHash"])
        if future is not None and not future.done():
            future.set_result(
                Final(
                    succeeded=receipt["status"] == "0x1",
                    logs=receipt["logs"],
                    block=int(receipt["blockNumber"], 16),
                    final_ns=final_ns,
                )
            )

    def _note(
        self, node: int, block: dict[str, Any], count: int, moments: tuple[int, int]
    ) -> None:
        self.blocks.append(
            {
                "number": int(block["number"], 16),
                "hash": block["hash"],
                "timestamp": int(block["timestamp"], 16),
                "gas_used": int(block["gasUsed"], 16),
                "transactions": count,
                "node": node,
                "seen_ns": moments[0],
                "final_ns": moments[1],
            }
        )
