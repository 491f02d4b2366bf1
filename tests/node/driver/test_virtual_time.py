"""Whole drivers on a loop whose clock only moves when nothing is left to do.

What a simulation needs: the driver asks only its ports and the loop for time and
threads, so the same run gives the same event logs, and hours pass in seconds.
"""

import asyncio
import json
import selectors
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from node.chain.genesis import ConsensusConfig
from node.chain.signing import Secp256k1Verifier, SigningDomain
from node.driver.context import DriverPorts
from node.driver.driver import Driver
from node.driver.ports import Lanes
from node.execution.pyevm import PyEvmExecutor
from node.gossip.gossip import Gossip
from node.storage.memory import MemoryBlockStore, MemorySafetyLog
from node.storage.safety_frames import Binding
from node.txpool.pool import TxPool
from tests.node.driver.cluster import (
    CHAIN_ID,
    Hub,
    Mesh,
    genesis_of,
    inline,
    key_of,
    transfer,
)

START_S = 1_800_000_000


class VirtualSelector(selectors.SelectSelector):
    """Instead of waiting, moves the clock to the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(
        self, timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "everything waits for something that never comes"
        self.now_s += max(0.0, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its time is the selector's."""

    def __init__(self) -> None:
        self.selector = VirtualSelector()
        super().__init__(self.selector)

    def time(self) -> float:
        return self.selector.now_s


class LoopClock:
    """The driver's clock on that loop."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def monotonic_ms(self) -> int:
        return int(self._loop.time() * 1000)

    def wall_s(self) -> int:
        return START_S + int(self._loop.time())


def runs(
    path: Path, scenario: Callable[[list[Driver]], Any]
) -> tuple[Mapping[int, list[str]], float]:
    """Run four drivers through the scenario: (event log of each, virtual seconds)."""
    loop = VirtualLoop()
    logs: dict[int, list[str]] = {n: [] for n in range(4)}
    genesis = genesis_of(4, ConsensusConfig())
    hub = Hub(SigningDomain(CHAIN_ID, genesis.digest))
    lanes = Lanes(inline, inline, inline, inline)  # type: ignore[arg-type]

    def driver_of(number: int) -> tuple[Driver, Mesh]:
        key, pool = key_of(number), TxPool()
        mesh = Mesh(key.address, hub)
        ports = DriverPorts(
            LoopClock(loop),
            lanes,
            MemoryBlockStore(),
            MemorySafetyLog(Binding(bytes(16), key.address, genesis.digest)),
            PyEvmExecutor(path / f"state{number}", genesis),
            mesh,
            key,
            Secp256k1Verifier(),
            lambda entry: logs[number].append(json.dumps(entry)),
        )
        return Driver(genesis, ports, pool, Gossip(pool)), mesh

    async def main() -> None:
        pairs = [driver_of(number) for number in range(4)]
        tasks = []
        for driver, mesh in pairs:
            await driver.start()
            tasks.append(loop.create_task(driver.run()))
            mesh.inbox = driver.inbox
            hub.join(mesh)
        drivers = [driver for driver, _ in pairs]
        await scenario(drivers)
        for driver in drivers:
            driver.stop()
        await asyncio.gather(*tasks)
        for driver in drivers:
            driver.executor.close()

    try:
        loop.run_until_complete(main())
        return logs, loop.time()
    finally:
        loop.close()


async def orders(drivers: list[Driver]) -> None:
    for nonce in range(6):
        heads = drivers[nonce % 4].subscribe_heads()
        await drivers[nonce % 4].submit([transfer(0, nonce)])
        async for head in heads:
            if head.hashes:
                break
        heads.close()


async def ten_idle_minutes(drivers: list[Driver]) -> None:
    await asyncio.sleep(600)
    heights = {driver.head.header.number for driver in drivers}
    # One empty block in every five seconds, and the time it takes.
    assert 100 < min(heights) <= max(heights) <= 120


def test_the_same_run_gives_the_same_event_logs(tmp_path: Path) -> None:
    first, _ = runs(tmp_path / "first", orders)
    second, _ = runs(tmp_path / "second", orders)
    assert all(len(log) > 50 for log in first.values())
    assert first == second


def test_an_idle_network_makes_an_empty_block_every_period(tmp_path: Path) -> None:
    _, seconds = runs(tmp_path, ten_idle_minutes)
    assert seconds >= 600
