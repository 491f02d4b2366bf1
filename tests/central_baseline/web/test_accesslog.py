"""Lines are written together, soon, and none is kept back."""

import asyncio
import io
import json

from central_baseline.web.accesslog import MAX_LINES, AccessLog
from tests.central_baseline.waiting import until


def lines(file: io.BytesIO) -> list[int]:
    return [json.loads(line)["n"] for line in file.getvalue().splitlines()]


async def test_lines_come_soon_and_in_order() -> None:
    file = io.BytesIO()
    log = AccessLog(file)
    for number in range(3):
        log.add({"n": number})
    assert lines(file) == []
    await until(lambda: lines(file) == [0, 1, 2])
    log.add({"n": 3})
    await until(lambda: lines(file) == [0, 1, 2, 3])


async def test_many_lines_do_not_wait_and_the_rest_is_flushed() -> None:
    file = io.BytesIO()
    log = AccessLog(file)
    for number in range(MAX_LINES + 1):
        log.add({"n": number})
    assert lines(file) == list(range(MAX_LINES))
    log.flush()
    assert lines(file) == list(range(MAX_LINES + 1))
    await asyncio.sleep(0)
