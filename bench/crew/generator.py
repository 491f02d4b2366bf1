"""One generator of a crew: a long-lived object in a process of its own.

It runs the ordinary load generator on its shard of the schedule, in an event loop of
its own thread, so that whatever carries the calls (a scheduler's heartbeats, transfers)
does not stand in the load's way; what it costs all the same shows in the generator's
lag. Methods are coroutines and may be called from any loop, meanwhile too. Samples stay
here until they are fetched, in pieces of at most PIECE_BYTES.
"""

import asyncio
import gc
import os
import platform
import shutil
import tempfile
import threading
import time
from collections.abc import Coroutine
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from bench.adapters.contract import Adapter
from bench.adapters.make import make_adapter
from bench.crew.duty import Done, Duty, Hello, Prepared, Progress, lay_out
from bench.errors import BenchError
from bench.history.files import LineWriter
from bench.load.clock import NS_PER_S, Clock
from bench.load.generator import Generator, LoadFacts
from bench.load.lag import LagWatch
from bench.load.loop import new_loop
from bench.load.precedence import precedence
from bench.load.timer import PreciseTimer
from bench.store.manifest import cpu_model
from bench.workload.plan import Session, make_plan
from bench.workload.shards import counted_inside, customer_of, customers_in, shard_plan

HISTORY = "history.jsonl"
LAG = "lag.jsonl"
PIECE_BYTES = 4 << 20
T = TypeVar("T")


class CrewGenerator:
    """Serves one trial after another: prepare, run, read, finish."""

    def __init__(self) -> None:
        self._loop = new_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._folder = Path(tempfile.mkdtemp(prefix="chandlery-crew-"))
        self._duty: Duty | None = None
        self._sessions: list[Session] = []
        self._adapter: Adapter | None = None
        self._generator: Generator | None = None
        self._load_task: asyncio.Task[Any] | None = None

    async def hello(self) -> Hello:
        """Who this is."""
        cores = len(os.sched_getaffinity(0))
        return Hello(
            version("chandlery"), platform.python_version(), cpu_model(), cores
        )

    async def now(self) -> tuple[int, int]:
        """The monotonic and the wall clock of this machine, in ns."""
        return time.monotonic_ns(), time.time_ns()

    async def prepare(self, duty: Duty) -> Prepared:
        """Connect to the target and provision this shard's customers."""
        await self.finish()
        return await self._here(self._prepare(duty))

    async def run(self, start_ns: int) -> Done:
        """Run the shard; its zero is that moment of this machine's monotonic clock."""
        return await self._here(self._run(start_ns))

    async def progress(self) -> Progress:
        """How far the load is."""
        generator = self._generator
        if generator is None:
            return Progress()
        return Progress(
            generator.operations_done,
            generator.operations_unserved,
            generator.orders_late,
        )

    async def close_doors(self) -> None:
        """Let nobody else in; who is inside is served to the end."""
        if self._generator is not None:
            self._generator.close_doors()

    async def read(self, name: str, offset: int) -> bytes:
        """The next piece of a file that `Done.files` names."""
        if Path(name).name != name:
            raise BenchError(f"'{name}' is no file of samples")
        with (self._folder / name).open("rb") as file:
            file.seek(offset)
            return file.read(PIECE_BYTES)

    async def finish(self) -> None:
        """Let go of the target and forget the samples."""
        await self._here(self._let_go())
        self._generator, self._duty, self._sessions = None, None, []
        for path in self._folder.iterdir():
            path.unlink()

    async def close(self) -> None:
        """Forget everything; nothing may be asked of it afterwards."""
        with suppress(BenchError):
            await self.finish()
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(self._thread.join)
        self._loop.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _here(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it in this generator's own loop. Errors travel as plain sentences: not
        every exception survives being sent to another process."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return await asyncio.wrap_future(future)
        except (BenchError, OSError) as error:
            raise BenchError(str(error)) from None

    async def _let_go(self) -> None:
        task, self._load_task = self._load_task, None
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])
        adapter, self._adapter = self._adapter, None
        if adapter is not None:
            await adapter.close()

    async def _prepare(self, duty: Duty) -> Prepared:
        lay_out(duty.files, self._folder)
        plan = make_plan(duty.scenario, duty.seed, duty.designs)
        mine = shard_plan(plan, duty.shard, duty.shards)
        self._sessions = [counted_inside(session, duty.shards) for session in mine]
        self._duty = duty
        adapter = self._adapter = make_adapter(
            duty.descriptor, self._folder, duty.scenario.client
        )
        await adapter.open()
        if not mine:
            return Prepared({}, {})
        designs = await adapter.catalogue()
        if len(designs) != duty.designs:
            raise BenchError(
                f"the catalogue has {len(designs)} designs here and {duty.designs} "
                "there: is this the same target?"
            )
        customers = customers_in(duty.scenario.customers, duty.shard, duty.shards)
        figures = await adapter.provision(self._sessions, customers, lambda text: None)
        accounts = {
            name: customer_of(inside, duty.shard, duty.shards)
            for name, inside in adapter.accounts().items()
        }
        return Prepared(figures, accounts)

    async def _run(self, start_ns: int) -> Done:
        duty, adapter = self._duty, self._adapter
        if duty is None or adapter is None:
            raise BenchError("a generator is prepared before it runs")
        self._load_task = asyncio.current_task()
        gc.collect()  # before, so that the beginning does not fall into a collection
        timer = PreciseTimer()
        timer.open()
        ahead_s = (start_ns - time.monotonic_ns()) / NS_PER_S
        clock = Clock(start_ns, time.time() + ahead_s, timer)
        try:
            with precedence() as scheduling:
                facts = await self._load(duty, adapter, clock)
        finally:
            timer.close()
        # Blocks are everybody's to see; the one who makes the run notes them.
        told = [line for line in adapter.observations() if "final_ns" not in line]
        sizes = {
            path.name: path.stat().st_size
            for path in self._folder.iterdir()
            if path.name.startswith((HISTORY, LAG))
        }
        return Done(facts, scheduling, told, sizes)

    async def _load(self, duty: Duty, adapter: Adapter, clock: Clock) -> LoadFacts:
        history, lag = (LineWriter(self._folder / name) for name in (HISTORY, LAG))
        generator = Generator(duty.scenario, adapter, clock, history)
        self._generator = generator
        watch = asyncio.create_task(LagWatch(clock, lag).run())
        try:
            return await generator.run(self._sessions)
        finally:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch
            history.close()
            lag.close()
