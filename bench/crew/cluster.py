"""Generators on dask.distributed: processes here, or the workers of a cluster.

    CrewWish(4)                          four processes on this machine
    CrewWish(None, "tcp://host:8786")    one generator on every worker of a scheduler

Each generator is an actor: an object that lives in one worker process for the whole
run. More than one in a process would share its interpreter, so a worker gets one,
however many threads it has. dask.distributed is an optional dependency, and the only
module that knows it is this one.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from tempfile import TemporaryDirectory
from typing import Any

from bench.crew.crew import Crew
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
    crew = Crew(actors)
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


def _distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise BenchError(
            "load from several processes or machines needs dask.distributed; install "
            "it with: pip install 'chandlery[bench-dask]'"
        ) from None
    return distributed
