"""Worker threads of the machine: work in order, under a name that the system shows."""

import asyncio
import sys
import threading
from pathlib import Path

import pytest

from node.storage.system import ThreadOffload, thread_lanes


async def test_work_given_to_a_lane_runs_in_order_on_one_thread():
    lane = ThreadOffload("disk")
    threads = await asyncio.gather(*(lane(lambda at=at: note(at)) for at in range(20)))
    lane.close()
    assert [at for at, _ in threads] == list(range(20))
    assert len({thread for _, thread in threads}) == 1


def note(at: int) -> tuple[int, int]:
    return at, threading.get_ident()


@pytest.mark.skipif(sys.platform != "linux", reason="names of threads are Linux's")
async def test_the_system_shows_what_each_lane_is_for():
    lanes, close = thread_lanes()
    shown = [
        await lane(own_name)
        for lane in (lanes.executor, lanes.disk, lanes.admission, lanes.background)
    ]
    close()
    assert shown == ["executor", "disk", "admission", "background"]


def own_name() -> str:
    comm = Path(f"/proc/self/task/{threading.get_native_id()}/comm")
    return comm.read_text().strip()
