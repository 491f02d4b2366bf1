"""Lending connections: the last used first, never too many, never a closed one."""

import asyncio

import pytest

from central_baseline.db.pool import Pool

PATIENCE_S = 0.05


class Line:
    """A connection that only remembers whether it is closed."""

    def __init__(self) -> None:
        self.closed = False

    def is_closed(self) -> bool:
        return self.closed

    def terminate(self) -> None:
        self.closed = True

    async def close(self) -> None:
        self.closed = True


class Exchange:
    """Makes lines, and can be out of order."""

    def __init__(self) -> None:
        self.made: list[Line] = []
        self.broken = False

    async def connect(self) -> Line:
        await asyncio.sleep(0)
        if self.broken:
            raise ConnectionRefusedError
        self.made.append(Line())
        return self.made[-1]


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


async def test_the_last_one_used_is_lent_again(exchange: Exchange) -> None:
    pool = Pool(exchange.connect, 3)
    first, second = await pool.acquire(PATIENCE_S), await pool.acquire(PATIENCE_S)
    pool.release(first)
    pool.release(second)
    assert await pool.acquire(PATIENCE_S) is second
    assert len(exchange.made) == 2


async def test_a_closed_one_is_replaced_whenever_it_closed(exchange: Exchange) -> None:
    pool = Pool(exchange.connect, 1)
    lent = await pool.acquire(PATIENCE_S)
    lent.terminate()
    pool.release(lent)
    kept = await pool.acquire(PATIENCE_S)
    assert kept is not lent
    pool.release(kept)
    kept.terminate()  # the server hung up while it lay idle
    assert not (await pool.acquire(PATIENCE_S)).is_closed()
    assert len(exchange.made) == 3


async def test_no_more_than_so_many_and_no_longer_wait_than_told(
    exchange: Exchange,
) -> None:
    pool = Pool(exchange.connect, 2)
    lent = [await pool.acquire(PATIENCE_S) for _ in range(2)]
    with pytest.raises(TimeoutError):
        await pool.acquire(PATIENCE_S)
    waiting = asyncio.create_task(pool.acquire(20))
    await asyncio.sleep(0)
    pool.release(lent[0])
    assert await waiting is lent[0]
    assert len(exchange.made) == 2


async def test_a_failure_to_connect_gives_the_slot_back(exchange: Exchange) -> None:
    pool = Pool(exchange.connect, 1)
    exchange.broken = True
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            await pool.acquire(PATIENCE_S)
    exchange.broken = False
    assert not (await pool.acquire(PATIENCE_S)).is_closed()


async def test_who_gives_up_waiting_takes_no_slot_along(exchange: Exchange) -> None:
    pool = Pool(exchange.connect, 1)
    lent = await pool.acquire(PATIENCE_S)
    waiters = [asyncio.create_task(pool.acquire(20)) for _ in range(3)]
    await asyncio.sleep(0)
    for waiter in waiters[:2]:
        waiter.cancel()
    pool.release(lent)
    assert await waiters[2] is lent
    pool.release(lent)
    assert await pool.acquire(PATIENCE_S) is lent


async def test_closing_waits_for_what_is_lent(exchange: Exchange) -> None:
    pool = Pool(exchange.connect, 2)
    lent = await pool.acquire(PATIENCE_S)
    closing = asyncio.create_task(pool.close())
    await asyncio.sleep(0)
    assert not closing.done()
    pool.release(lent)
    await closing
    assert lent.is_closed()


async def test_terminating_ends_the_lent_ones_too(exchange: Exchange) -> None:
    pool = Pool(exchange.connect, 2)
    lent, idle = await pool.acquire(PATIENCE_S), await pool.acquire(PATIENCE_S)
    pool.release(idle)
    pool.terminate()
    assert lent.is_closed()
    assert idle.is_closed()
