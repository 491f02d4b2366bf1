"""A chain of the benchmark's orders on one executor, its state of the wanted size."""

import contextlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from math import inf
from pathlib import Path

from node.chain.block import Block
from node.chain.genesis import Genesis
from node.chain.header import prev_randao_of
from node.execution.bench_engine.engines import ENGINES, NativeEngine, PyEvmEngine
from node.execution.bench_engine.workload import GAS_LIMIT, Orders, genesis_of
from node.execution.executor import BlockEnv, BuildLimits

FILL_SLOTS = 10_000
FIRST_FILLED = 1_000_000
LIMITS = BuildLimits(gas=GAS_LIMIT, bytes=1 << 30, time_ms=3_600_000)


class Chain:
    """Grows block by block; `slots` of the contract are filled."""

    def __init__(self, engine: NativeEngine | PyEvmEngine, genesis: Genesis) -> None:
        self.engine = engine
        self.genesis = genesis
        self.slots = 0
        self._header = genesis.header
        self._coinbase = genesis.validators.addresses[0]

    def add(self, raws: Sequence[bytes]) -> None:
        """A committed block of all of them. Raises RuntimeError."""
        number = self._header.number + 1
        env = BlockEnv(
            number=number,
            timestamp=self._header.timestamp + 1,
            coinbase=self._coinbase,
            gas_limit=GAS_LIMIT,
            base_fee_per_gas=0,
            prev_randao=prev_randao_of(self._header.digest, number),
        )
        executor = self.engine.executor
        built = executor.build(self._header, env, raws, LIMITS)
        if len(built.included) != len(raws):
            raise RuntimeError(f"not all orders fit: {built.refused[:1]}")
        executor.commit(built.executed.digest)
        self._header = Block.decode(built.block).header

    def fill(self, orders: Orders, slots: int, time_s: float = inf) -> None:
        """Write so many slots, or as many as the time allows."""
        end = time.monotonic() + time_s
        while self.slots < slots and time.monotonic() < end:
            count = min(FILL_SLOTS, slots - self.slots)
            self.add([orders.fill(FIRST_FILLED + self.slots, count)])
            self.slots += count


@contextlib.contextmanager
def opened(kind: str, memory_mib: int) -> Iterator[tuple[Chain, Orders]]:
    """An empty chain on a fresh state folder, and the orders for it."""
    orders = Orders()
    genesis = genesis_of(orders)
    with tempfile.TemporaryDirectory() as folder:
        engine = ENGINES[kind](Path(folder), genesis, memory_mib << 20)
        try:
            yield Chain(engine, genesis), orders
        finally:
            engine.executor.close()
