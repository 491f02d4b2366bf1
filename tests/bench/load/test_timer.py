"""The precise timer: never early, in order, and cancelled sleepers do no harm."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from bench.load.timer import PreciseTimer

MS = 1_000_000


@pytest.fixture
async def timer() -> AsyncIterator[PreciseTimer]:
    timer = PreciseTimer()
    timer.open()
    yield timer
    timer.close()


async def test_nobody_wakes_early(timer: PreciseTimer) -> None:
    start_ns = time.monotonic_ns()
    moments = [start_ns + (5 + index * 3) * MS // 2 for index in range(20)]

    async def wake(moment_ns: int) -> int:
        await timer.sleep_until(moment_ns)
        return time.monotonic_ns() - moment_ns

    late_ns = await asyncio.gather(*map(wake, moments))
    assert min(late_ns) >= 0


async def test_sleepers_wake_in_the_order_of_their_moments(timer: PreciseTimer) -> None:
    start_ns = time.monotonic_ns()
    woken: list[int] = []

    async def wake(number: int) -> None:
        await timer.sleep_until(start_ns + (20 + 10 * number) * MS)
        woken.append(number)

    await asyncio.gather(*(wake(number) for number in (4, 1, 3, 0, 2)))
    assert woken == [0, 1, 2, 3, 4]


async def test_a_cancelled_sleeper_does_not_stop_the_others(
    timer: PreciseTimer,
) -> None:
    start_ns = time.monotonic_ns()
    first = asyncio.create_task(timer.sleep_until(start_ns + 5 * MS))
    second = asyncio.create_task(timer.sleep_until(start_ns + 10 * MS))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait_for(second, 5)
    assert time.monotonic_ns() >= start_ns + 10 * MS


async def test_a_moment_that_has_passed_returns_at_once(timer: PreciseTimer) -> None:
    await asyncio.wait_for(timer.sleep_until(time.monotonic_ns() - MS), 5)
