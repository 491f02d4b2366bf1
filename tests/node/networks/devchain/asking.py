"""A dev chain in the test's own loop, asked through its dispatcher."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import orjson

from node.networks.devchain.node import DevNode, DevSettings

ETHER = 10**18
GWEI = 10**9
EXECUTOR = ["pyevm"]
"""What `dev_chain` opens; each test of this folder is run with every one."""


class Asked(Exception):
    """An error answer: code, message and data."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.code = error["code"]
        self.data = error.get("data")


class Asker:
    """Sends requests to a node in the process."""

    def __init__(self, node: DevNode) -> None:
        self.node = node
        self.accounts = ["0x" + key.address.hex() for key in node.keys]

    async def __call__(self, method: str, *params: Any) -> Any:
        """The result. Raises Asked."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        raw = await self.node.dispatcher.answer(orjson.dumps(request))
        assert raw is not None
        answer = orjson.loads(raw)
        if "error" in answer:
            raise Asked(answer["error"])
        return answer["result"]

    async def number(self, method: str, *params: Any) -> int:
        """A quantity."""
        return int(await self(method, *params), 16)

    async def balance(self, at: str) -> int:
        """In wei, now."""
        return await self.number("eth_getBalance", at, "latest")

    async def height(self) -> int:
        """Of the newest block."""
        return await self.number("eth_blockNumber")

    async def block(self, at: str = "latest") -> dict[str, Any]:
        """A block with hashes."""
        found: dict[str, Any] = await self("eth_getBlockByNumber", at, False)
        return found

    async def send(self, **fields: Any) -> dict[str, Any]:
        """Send from the first account; the receipt."""
        request = {"from": self.accounts[0], **fields}
        sent = await self("eth_sendTransaction", request)
        receipt: dict[str, Any] = await self("eth_getTransactionReceipt", sent)
        return receipt


@contextlib.asynccontextmanager
async def dev_chain(**settings: Any) -> AsyncIterator[Asker]:
    """An open dev chain."""
    node = await DevNode.open(DevSettings(**{"executor": EXECUTOR[0], **settings}))
    try:
        yield Asker(node)
    finally:
        await node.close()
