"""A dev chain in the process of the tests, and what tests do with it."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from node.networks.devchain.node import DevNode, DevSettings
from node.testing.background import Background

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount
    from web3 import AsyncWeb3, Web3


SETTINGS = {field.name for field in fields(DevSettings)}


class DevChainError(Exception):
    """The chain answered with an error; `code` and `data` as in JSON-RPC."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.code = int(error["code"])
        self.data = error.get("data")


class InProcessChain:
    """See the module's docstring. Every method may be called from any thread."""

    def __init__(self, background: Background, settings: DevSettings) -> None:
        self._background = background
        self._node = background.run(DevNode.open(settings))
        self._url: str | None = None

    def close(self) -> None:
        """Give up the chain."""
        self._background.run(self._node.close())

    # -- ways to ask

    def request(self, method: str, *params: Any) -> Any:
        """The result of a JSON-RPC method, such as "evm_mine". Raises
        DevChainError."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        answer = json.loads(self._answer(json.dumps(request).encode()))
        if "error" in answer:
            raise DevChainError(answer["error"])
        return answer["result"]

    def w3(self) -> "Web3":
        """A web3.py client; its default account is the first one."""
        from web3 import Web3

        from node.testing.providers import InProcessProvider

        client = Web3(InProcessProvider(self._answer))
        client.eth.default_account = Web3.to_checksum_address(self._addresses[0])
        return client

    def async_w3(self) -> "AsyncWeb3[Any]":
        """The asynchronous one."""
        from web3 import AsyncWeb3, Web3

        from node.testing.providers import AsyncInProcessProvider

        client: AsyncWeb3[Any] = AsyncWeb3(AsyncInProcessProvider(self._answer_async))
        client.eth.default_account = Web3.to_checksum_address(self._addresses[0])
        return client

    def serve(self) -> str:
        """Listen for HTTP and WebSocket on a free port, once; the URL."""
        if self._url is None:
            self._url = self._background.run(self._node.serve())
        return self._url

    @property
    def executor(self) -> str:
        """Which executor runs the contracts: "native" or "pyevm"."""
        return self._node.chain.executor.name

    @property
    def accounts(self) -> "list[LocalAccount]":
        """The ten accounts with their keys."""
        from eth_account import Account

        return [Account.from_key(key.secret) for key in self._node.keys]

    # -- shorthands of the dev methods

    def mine(self, blocks: int = 1, interval_s: int | None = None) -> None:
        """Seal blocks."""
        self.request("anvil_mine", blocks, interval_s)

    def snapshot(self) -> str:
        """A point for `revert`."""
        return str(self.request("evm_snapshot"))

    def revert(self, snapshot: str) -> None:
        """Back to a snapshot. Raises DevChainError for one that is gone."""
        if not self.request("evm_revert", snapshot):
            gone = f"snapshot {snapshot} is used up: each can be reverted to once"
            raise DevChainError({"code": -32000, "message": gone})

    @contextlib.contextmanager
    def isolated(self) -> Iterator[None]:
        """Whatever happens inside is undone."""
        settings = self._node.chain.automine, self._node.sealer.interval_s
        snapshot = self.snapshot()
        try:
            yield
        finally:
            self._background.run(self._restore(snapshot, *settings))

    async def _restore(self, snapshot: str, automine: bool, interval_s: float) -> None:
        chain = self._node.chain
        self._node.sealer.set_interval(interval_s)
        chain.automine, chain.impersonates_all = automine, False
        await chain.revert(int(snapshot, 16))
        self._node.backend.refresh()

    def set_balance(self, account: str, wei: int) -> None:
        """Of any account."""
        self.request("anvil_setBalance", account, hex(wei))

    def impersonate(self, account: str) -> None:
        """From now on `eth_sendTransaction` sends for it without a key."""
        self.request("anvil_impersonateAccount", account)

    def increase_time(self, seconds: int) -> None:
        """Move the time of the next block."""
        self.request("evm_increaseTime", seconds)

    # -- inside

    @property
    def _addresses(self) -> list[bytes]:
        return [key.address for key in self._node.keys]

    def _answer(self, body: bytes) -> bytes:
        return self._background.run(self._dispatch(body))

    async def _answer_async(self, body: bytes) -> bytes:
        return await self._background.call(self._dispatch(body))

    async def _dispatch(self, body: bytes) -> bytes:
        return await self._node.dispatcher.answer(body) or b""


class ChainCache:
    """One chain for each set of settings, made by the first test that asks."""

    def __init__(self) -> None:
        self._background = Background()
        self._chains: dict[tuple[tuple[str, Any], ...], InProcessChain] = {}

    def get(self, **settings: Any) -> InProcessChain:
        """The chain with these settings (fields of DevSettings)."""
        unknown = sorted(set(settings) - SETTINGS)
        if unknown:
            known = ", ".join(sorted(SETTINGS))
            raise TypeError(
                f"unknown settings {unknown} of a dev chain; known: {known}"
            )
        key = tuple(sorted(settings.items()))
        chain = self._chains.get(key)
        if chain is None:
            chosen = DevSettings(**settings)
            chosen = replace(chosen, rpc=replace(chosen.rpc, port=0))
            made = InProcessChain(self._background, chosen)
            chain = self._chains[key] = made
        return chain

    def close(self) -> None:
        """Give up all chains and their loop."""
        for chain in self._chains.values():
            chain.close()
        self._background.stop()
