"""Methods of blocks and time: sealing, snapshots, timestamps; names as in anvil.

`evm_setIntervalMining` takes seconds, as anvil does (Hardhat: milliseconds).
"""

from typing import Any

from node.networks.devchain.backend import DevBackend
from node.networks.devchain.clock import TimeGoesBack
from node.networks.devchain.methods.wallet import WalletMethods
from node.networks.devchain.sealing import Sealer
from node.rpc.backend import Refusal
from node.rpc.dispatch import Handler, Methods
from node.rpc.errors import invalid_params, server_error
from node.rpc.formats import block_json
from node.rpc.params import Params, parse_data, parse_quantity

MAX_TIME = 2**43
"""Also in milliseconds, as JavaScript gives them, it is far away."""
MAX_INTERVAL_S = 365 * 24 * 3600
MAX_REORG_BLOCKS = 10_000
PREFIXES = ("anvil_", "hardhat_", "evm_")


def under_all_names(table: dict[str, Handler]) -> dict[str, Handler]:
    """Each method as anvil_, hardhat_ and evm_."""
    return {p + name: handler for name, handler in table.items() for p in PREFIXES}


class MiningMethods:
    """evm_mine, evm_snapshot, evm_increaseTime and their kin."""

    def __init__(
        self, backend: DevBackend, sealer: Sealer, wallet: WalletMethods
    ) -> None:
        self._backend = backend
        self._wallet = wallet
        self._chain = backend.chain
        self._sealer = sealer

    def table(self) -> Methods:
        """Name -> handler."""
        common: dict[str, Handler] = {
            "getAutomine": self.get_automine,
            "setAutomine": self.set_automine,
            "getIntervalMining": self.get_interval,
            "setIntervalMining": self.set_interval,
            "snapshot": self.snapshot,
            "revert": self.revert,
            "increaseTime": self.increase_time,
            "setNextBlockTimestamp": self.set_next_timestamp,
            "setTime": self.set_time,
            "setBlockTimestampInterval": self.set_step,
            "removeBlockTimestampInterval": self.remove_step,
            "rollback": self.rollback,
            "reorg": self.reorg,
        }
        return {
            **under_all_names(common),
            "anvil_mine": self.mine,
            "hardhat_mine": self.mine,
            "evm_mine": self.evm_mine,
            "evm_mine_detailed": self.mine_detailed,
            "anvil_mine_detailed": self.mine_detailed,
        }

    async def mine(self, raw: Any) -> None:
        """[blocks, interval in seconds]"""
        params = Params(raw, 2)
        blocks = 1 if params.raw(0) is None else params.quantity(0)
        interval = None if params.raw(1) is None else params.quantity(1, MAX_INTERVAL_S)
        await self._chain.mine(blocks, interval)

    async def evm_mine(self, raw: Any) -> str:
        """[timestamp | {timestamp, blocks}]"""
        await self._mine_as_asked(Params(raw, 1))
        return "0x0"

    async def mine_detailed(self, raw: Any) -> list[dict[str, Any]]:
        """The same; answers with the blocks and their transactions."""
        first = self._backend.head().number + 1
        await self._mine_as_asked(Params(raw, 1))
        answer = []
        for number in range(first, self._backend.head().number + 1):
            block = self._backend.block(number)
            if block is not None:
                senders = self._backend.senders(block.transactions)
                answer.append(block_json(block, senders))
        return answer

    async def _mine_as_asked(self, params: Params) -> None:
        options = params.raw(0)
        if not isinstance(options, dict):
            options = {"timestamp": options}
        blocks, timestamp = options.get("blocks"), options.get("timestamp")
        if timestamp is not None:
            self._set_next(parse_quantity(timestamp, "timestamp", MAX_TIME))
        count = 1 if blocks is None else parse_quantity(blocks, "blocks")
        await self._chain.mine(count)

    async def get_automine(self, raw: Any) -> bool:
        Params(raw, 0)
        return self._chain.automine

    async def set_automine(self, raw: Any) -> None:
        params = Params(raw, 1)
        params.required(0)
        self._chain.automine = params.flag(0)
        if self._chain.automine:
            self._sealer.set_interval(0)

    async def get_interval(self, raw: Any) -> int | None:
        Params(raw, 0)
        return int(self._sealer.interval_s) or None

    async def set_interval(self, raw: Any) -> None:
        """[seconds]; 0 ends it. Instant sealing ends with an interval, as in anvil."""
        seconds = Params(raw, 1).quantity(0, MAX_INTERVAL_S)
        self._sealer.set_interval(seconds)
        self._chain.automine = False

    async def snapshot(self, raw: Any) -> str:
        Params(raw, 0)
        return hex(await self._chain.snapshot())

    async def revert(self, raw: Any) -> bool:
        found = await self._chain.revert(Params(raw, 1).quantity(0))
        self._backend.refresh()
        return found

    async def increase_time(self, raw: Any) -> int:
        """[seconds]; answers with the whole offset."""
        seconds = Params(raw, 1).quantity(0, MAX_TIME)
        return self._chain.clock.increase(seconds, self._backend.head().timestamp)

    async def set_next_timestamp(self, raw: Any) -> None:
        self._set_next(Params(raw, 1).quantity(0, MAX_TIME))

    def _set_next(self, timestamp_s: int) -> None:
        try:
            self._chain.clock.set_next(timestamp_s, self._backend.head().timestamp)
        except TimeGoesBack as error:
            raise invalid_params(str(error)) from None

    async def set_time(self, raw: Any) -> int:
        """[seconds since 1970, or milliseconds as JavaScript has them]"""
        given = Params(raw, 1).quantity(0, MAX_TIME)
        seconds = given // 1000 if given >= 10**12 else given
        return self._chain.clock.set_time(seconds)

    async def set_step(self, raw: Any) -> None:
        self._chain.clock.set_step(Params(raw, 1).quantity(0, MAX_INTERVAL_S))

    async def remove_step(self, raw: Any) -> bool:
        Params(raw, 0)
        return self._chain.clock.set_step(None)

    async def rollback(self, raw: Any) -> None:
        """[depth], 1 by default."""
        params = Params(raw, 1)
        depth = 1 if params.raw(0) is None else params.quantity(0)
        await self._chain.rollback(depth)
        self._backend.refresh()

    async def reorg(self, raw: Any) -> None:
        """[depth, [[transaction, block], ...]], or {depth, txBlockPairs} of the same.

        As many other blocks; a transaction is raw or an object of one of the accounts,
        its block counted from 0. What was in the old blocks is gone.
        """
        params = Params(raw, 2)
        options, pairs = params.required(0), params.raw(1)
        if isinstance(options, dict):
            pairs = options.get("txBlockPairs", options.get("tx_block_pairs"))
            options = options.get("depth")
        depth = parse_quantity(options, "depth")
        contents = _contents(pairs, depth)
        await self._chain.rollback(depth)
        automine, self._chain.automine = self._chain.automine, False
        try:
            for transactions in contents:
                for transaction in transactions:
                    await self._give(transaction)
                await self._chain.mine()
        finally:
            self._chain.automine = automine
            self._backend.refresh()

    async def _give(self, transaction: Any) -> None:
        if isinstance(transaction, dict):
            raw = await self._wallet.raw_of(transaction)
        else:
            raw = parse_data(transaction, "transaction")
        [answer] = await self._backend.submit_any([raw])
        if isinstance(answer, Refusal):
            raise server_error(f"{answer.message}; the old blocks are gone")


def _contents(pairs: Any, depth: int) -> list[list[Any]]:
    """The transactions of each new block. Raises RpcError."""
    contents: list[list[Any]] = [[] for _ in range(min(depth, MAX_REORG_BLOCKS))]
    if depth > MAX_REORG_BLOCKS:
        raise invalid_params(f"at most {MAX_REORG_BLOCKS} blocks are replaced")
    if not isinstance(pairs, list | None):
        raise invalid_params("invalid transactions: expected a list of pairs")
    for pair in pairs or ():
        if not isinstance(pair, list) or len(pair) != 2:
            raise invalid_params("invalid transactions: expected [transaction, block]")
        at = parse_quantity(pair[1], "block")
        if at >= depth:
            message = f"block {at} is none of the {depth} new ones, counted from 0"
            raise invalid_params(message)
        contents[at].append(pair[0])
    return contents
