"""Seals a block every so many seconds, when asked to."""

import asyncio
import logging

from node.networks.devchain.chain import DevChain

log = logging.getLogger("chandlery.dev")


class Sealer:
    """Interval sealing; `set_interval(0)` ends it."""

    def __init__(self, chain: DevChain) -> None:
        self._chain = chain
        self._task: asyncio.Task[None] | None = None
        self.interval_s = 0.0

    def set_interval(self, interval_s: float) -> None:
        """Seconds between blocks from now on."""
        self.stop()
        self.interval_s = interval_s
        if interval_s > 0:
            self._task = asyncio.get_running_loop().create_task(self._run(interval_s))

    def stop(self) -> None:
        """Seal no more by the clock."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self, interval_s: float) -> None:
        while True:
            await asyncio.sleep(interval_s)
            await self._chain.mine()
