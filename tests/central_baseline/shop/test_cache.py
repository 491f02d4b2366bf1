"""The cache's bound, its races and its absence, with a real Valkey."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from central_baseline.servers.valkey import ValkeyServer
from central_baseline.shop.cache import Cache
from central_baseline.supervisor.component import Component
from central_baseline.supervisor.meter import Meter
from central_baseline.supervisor.processes import Processes
from tests.central_baseline.waiting import until


@pytest.fixture
async def unit(tmp_path: Path) -> AsyncIterator[Component]:
    """A running Valkey."""
    meter = Meter(str(tmp_path))
    with Processes(meter.on_death) as processes:
        server = ValkeyServer(tmp_path / "cache", tmp_path / "log")
        component = Component("cache", "cache", [server])
        component.attach(processes, meter)
        await component.start()
        yield component
        await component.kill()  # it may be stopped


@pytest.fixture
async def cache(unit: Component) -> AsyncIterator[Cache]:
    found = Cache(unit.servers[0].address)
    yield found
    await found.close()


class Source:
    """What is cached: a number that says how often it was read."""

    def __init__(self) -> None:
        self.reads = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def read(self) -> bytes:
        self.reads += 1
        value = str(self.reads).encode()
        await self.gate.wait()
        return value


async def test_what_is_cached_is_read_once(cache: Cache) -> None:
    source = Source()
    values = [await cache.fetch("x", 60, source.read) for _ in range(5)]
    assert (values, source.reads) == ([b"1"] * 5, 1)
    assert (cache.hits, cache.misses) == (4, 1)


async def test_many_misses_at_once_ask_once(cache: Cache) -> None:
    source = Source()
    source.gate.clear()
    first = asyncio.create_task(cache.fetch("x", 60, source.read))
    await until(lambda: source.reads == 1)
    others = [asyncio.create_task(cache.fetch("x", 60, source.read)) for _ in range(20)]
    asyncio.get_running_loop().call_soon(source.gate.set)
    assert set(await asyncio.gather(first, *others)) == {b"1"}
    assert source.reads == 1


async def test_forgotten_is_read_again(cache: Cache) -> None:
    source = Source()
    await cache.fetch("x", 60, source.read)
    await cache.forget("x")
    assert await cache.fetch("x", 60, source.read) == b"2"


async def test_an_entry_s_life_counts_from_before_its_read(cache: Cache) -> None:
    # A read that began before a change and came back after it must not live long.
    source = Source()
    source.gate.clear()
    began = time.monotonic()
    slow = asyncio.create_task(cache.fetch("x", 0.3, source.read))
    await until(lambda: time.monotonic() > began + 0.35)
    source.gate.set()
    assert await slow == b"1"
    assert await cache.fetch("x", 0.3, source.read) == b"2"


async def test_a_failed_read_is_told_to_all_who_wait_and_not_kept(cache: Cache) -> None:
    async def fail() -> bytes:
        await asyncio.sleep(0)
        raise LookupError("no database")

    with pytest.raises(LookupError):
        await cache.fetch("x", 60, fail)
    assert await cache.fetch("x", 60, Source().read) == b"1"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_dead_or_stalled_cache_falls_through(
    unit: Component, cache: Cache, number: signal.Signals
) -> None:
    source = Source()
    await cache.fetch("x", 60, source.read)
    assert unit.pid is not None
    os.kill(unit.pid, number)
    async with asyncio.timeout(5):
        assert await cache.fetch("x", 60, source.read) == b"2"
        assert await cache.fetch("x", 60, source.read) == b"3"
        await cache.forget("x")


async def test_without_a_socket_there_is_no_cache() -> None:
    source, none = Source(), Cache(None)
    assert [await none.fetch("x", 60, source.read) for _ in range(2)] == [b"1", b"2"]
    assert not await none.is_alive()
