"""What a process spent by thread, read from /proc, and what that is per order."""

import mmap
import os
import sys
import threading
from pathlib import Path

import pytest

from bench.sustained.meter import Reading, Spent, profile_of, threads_of

STAT = "{tid} ({name}) S 1 1 1 0 -1 4194304 {faults} 0 0 0 70 {kernel} 0 0 20 0 5 0 99"


def put_thread(proc: Path, tid: int, name: str, cpu_ns: int, rest: str) -> None:
    folder = proc / "42" / "task" / str(tid)
    folder.mkdir(parents=True)
    (folder / "comm").write_text(f"{name}\n")
    (folder / "schedstat").write_text(f"{cpu_ns} 5 6\n")
    faults, kernel = rest.split()
    text = STAT.format(tid=tid, name=name, faults=faults, kernel=kernel)
    (folder / "stat").write_text(text)


def test_threads_are_told_by_their_names_and_the_first_is_the_loop(tmp_path: Path):
    put_thread(tmp_path, 42, "python) S 9", 3_000_000_000, "11 100")
    put_thread(tmp_path, 43, "reader", 500_000_000, "2 10")
    put_thread(tmp_path, 44, "reader", 250_000_000, "3 5")
    (tmp_path / "42" / "task" / "45").mkdir()  # ended between two reads
    found = threads_of(42, tmp_path)
    assert found == {
        "loop": Spent(3.0, 1.0, 11),
        "reader": Spent(0.75, pytest.approx(0.15), 5),
    }


@pytest.mark.skipif(sys.platform != "linux", reason="threads are read from /proc")
def test_threads_of_this_process_are_found():
    before = threads_of(os.getpid())
    with mmap.mmap(-1, 4 << 20) as fresh:
        for _ in range(20):
            fresh[:] = b"x" * len(fresh)
    after = threads_of(os.getpid())
    main = threading.current_thread() is threading.main_thread()
    name = "loop" if main else Path(f"/proc/self/task/{_own()}/comm").read_text()
    spent = after[name.strip()] - before[name.strip()]
    assert spent.cpu_s > 0
    assert spent.faults > 0


def _own() -> int:
    return threading.get_native_id()


def test_a_profile_is_per_order_and_leaves_out_who_was_started_anew():
    before = Reading(
        {},
        {"node1": {"loop": Spent(1.0, 0.5, 100)}, "node2": {"loop": Spent(9.0)}},
        {"node1": {"execute": 2.0}, "node2": {"execute": 7.0}},
    )
    after = Reading(
        {},
        {
            "node1": {"loop": Spent(1.5, 0.75, 300), "disk": Spent(1.0, 0.0, 0)},
            "node2": {"loop": Spent(0.1)},
        },
        {"node1": {"execute": 2.3, "roots": 0.1}, "node2": {"execute": 0.1}},
    )
    assert profile_of(before, after, 1_000) == {
        "threads_per_order": {
            "node1": {
                "disk": {"us": 1000.0, "kernel_us": 0.0, "faults": 0.0},
                "loop": {"us": 500.0, "kernel_us": 250.0, "faults": 0.2},
            }
        },
        "phases_us_per_order": {"node1": {"execute": 300.0, "roots": 100.0}},
    }
