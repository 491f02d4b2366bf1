"""Methods of blocks and time: sealing, snapshots, timestamps; names as in anvil.

`evm_setIntervalMining` takes seconds, as anvil does (Hardhat: milliseconds).
"""

from typing import Any

from node.networks.devchain.backend import DevBackend
from node.networks.devchain.clock import TimeGoesBack
from node.networks.devchain.sealing import Sealer
from node.rpc.dispatch import Handler, Methods
from node.rpc.errors import invalid_params
from node.rpc.formats import block_json
from node.rpc.params import Params, parse_quantity

MAX_TIME = 2**43
"""Also in milliseconds, as JavaScript gives them, it is far away."""
MAX_INTERVAL_S = 365 * 24 * 3600
PREFIXES = ("anvil_", "hardhat_", "evm_")


def under_all_names(table: dict[str, Handler]) -> dict[str, Handler]:
    """Each method as anvil_, hardhat_ and evm_."""
    return {p + name: handler for name, handler in table.items() for p in PREFIXES}


class MiningMethods:
    """evm_mine, evm_snapshot, evm_increaseTime and their kin."""

    def __init__(self, backend: DevBackend, sealer: Sealer) -> None:
        self._backend = backend
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
        return self._chain.clock.increase(Params(raw, 1).quantity(0, MAX_TIME))

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
        """[depth, []] or [{depth, txBlockPairs: []}]: other blocks, without content."""
        params = Params(raw, 2)
        options = params.required(0)
        pairs = params.raw(1)
        if isinstance(options, dict):
            pairs = options.get("txBlockPairs", options.get("tx_block_pairs"))
            options = options.get("depth")
        if pairs:
            raise invalid_params(
                "transactions of the new blocks are not supported: roll back, send "
                "them, and mine"
            )
        depth = parse_quantity(options, "depth")
        await self._chain.rollback(depth)
        await self._chain.mine(depth)
        self._backend.refresh()
