"""Generators on dask.distributed: processes here, or the workers of a cluster.

    CrewWish(4)                          four processes on this machine
    CrewWish(None, "tcp://host:8786")    one generator on every worker of a scheduler

Each generator is an actor: an object that lives in one worker process for the whole
run. More than one in a process would share its interpreter, so a worker gets one,
however many threads it has. dask.distributed is an optional dependency, and the only
module that knows it is this one.
"""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import version
from tempfile import TemporaryDirectory
from typing import Any, cast

from bench.crew.crew import Crew
from bench.crew.duty import Done, Duty, Hello, Prepared, Progress
from bench.crew.generator import CrewGenerator
from bench.crew.wish import GENERATORS_MAX, CrewWish
from bench.errors import BenchError

CONNECT_TIMEOUT_S = 30


@asynccontextmanager
async def open_crew(wish: CrewWish) -> AsyncIterator[Crew]:
    """The crew that was wished for; gone again afterwards."""
    distributed, count = _distributed(), wish.count
    if wish.address:
        async with (
            _client(distributed, wish.address, False) as client,
            _crew(client, count) as crew,
        ):
            yield crew
        return
    with TemporaryDirectory(prefix="chandlery-crew-") as scratch:
        cluster = distributed.LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            memory_limit=0,
            local_directory=scratch,
            asynchronous=True,
        )
        with _ctrl_c_is_ours():
            await cluster
        async with (
            cluster,
            _client(distributed, cluster.scheduler_address, True) as client,
            _crew(client, count) as crew,
        ):
            yield crew


@asynccontextmanager
async def _client(distributed: Any, address: str, direct: bool) -> AsyncIterator[Any]:
    """A connection to a scheduler; here its workers can be asked directly."""
    client = distributed.Client(
        address,
        asynchronous=True,
        timeout=CONNECT_TIMEOUT_S,
        direct_to_workers=direct,
    )
    try:
        await client
    except (OSError, TimeoutError, ValueError) as error:
        raise BenchError(
            f"no scheduler answers at {address} ({error}); start one with 'dask "
            "scheduler' and, where load is to come from, 'dask worker ADDRESS'"
        ) from None
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def _crew(client: Any, count: int | None) -> AsyncIterator[Crew]:
    addresses = await _workers(client, count)
    futures = [
        client.submit(
            CrewGenerator,
            actor=True,
            pure=False,
            workers=[address],
            allow_other_workers=False,
        )
        for address in addresses
    ]
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            actors = [await future for future in futures]
    except (TimeoutError, ImportError) as error:
        raise BenchError(
            f"a generator did not start ({error or 'no answer'}): chandlery[bench] "
            f"{version('chandlery')} must be installed where the workers run"
        ) from None
    crew = Crew([Far(actor) for actor in actors])
    try:
        await crew.greet(version("chandlery"))
        yield crew
    finally:
        await crew.close()


async def _workers(client: Any, count: int | None) -> list[str]:
    """The addresses of so many workers, in a fixed order."""
    wanted = count or 1
    try:
        await client.wait_for_workers(wanted, timeout=CONNECT_TIMEOUT_S)
    except (TimeoutError, OSError):
        raise BenchError(
            f"the scheduler has not got {wanted} worker(s) after {CONNECT_TIMEOUT_S} "
            "s; start them with 'dask worker ADDRESS', or ask for fewer generators"
        ) from None
    info = await client.scheduler.identity(n_workers=-1)
    addresses = sorted(info["workers"])
    return addresses[: count or GENERATORS_MAX]


class Far:
    """An actor as a member of a crew: whatever tells that it is lost is a
    ConnectionError, and only when it is waited for."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    async def _ask(self, method: str, *arguments: object) -> Any:
        try:
            return await getattr(self._actor, method)(*arguments)
        except RuntimeError as error:
            raise ConnectionError(str(error)) from None

    async def hello(self) -> Hello:
        """As CrewGenerator; so are the others."""
        return cast("Hello", await self._ask("hello"))

    async def now(self) -> tuple[int, int]:
        return cast("tuple[int, int]", await self._ask("now"))

    async def prepare(self, duty: Duty) -> Prepared:
        return cast("Prepared", await self._ask("prepare", duty))

    async def run(self, start_ns: int) -> Done:
        return cast("Done", await self._ask("run", start_ns))

    async def progress(self) -> Progress:
        return cast("Progress", await self._ask("progress"))

    async def close_doors(self) -> None:
        await self._ask("close_doors")

    async def read(self, name: str, offset: int) -> bytes:
        return cast("bytes", await self._ask("read", name, offset))

    async def finish(self) -> None:
        await self._ask("finish")

    async def close(self) -> None:
        await self._ask("close")


@contextmanager
def _ctrl_c_is_ours() -> Iterator[None]:
    """Ctrl-C reaches every process of a terminal; those that are started meanwhile
    leave it to this one, which ends them in order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise BenchError(
            "load from several processes or machines needs dask.distributed; install "
            "it with: pip install 'chandlery[bench-dask]'"
        ) from None
    return distributed
