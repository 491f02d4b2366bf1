"""What was synced survives a power cut, and of the rest a prefix at most."""

from os import O_CREAT, O_RDWR
from pathlib import Path
from random import Random

import pytest

from node.driver.ports import DiskFull, StorageFailed
from node.simulation.machine.disk import Disk, Moment, PowerLost

PATH = Path("file")


def written(seed: int) -> tuple[Disk, int]:
    """A disk with a file that holds b"durable", synced."""
    disk = Disk(Random(seed))
    file = disk.open(PATH, O_RDWR | O_CREAT)
    disk.pwrite(file, b"durable", 0)
    disk.sync(file)
    disk.sync_folder(PATH.parent)
    return disk, file


def test_a_power_cut_keeps_what_was_synced_and_a_prefix_of_the_rest() -> None:
    found = set()
    for seed in range(200):
        disk, file = written(seed)
        disk.pwrite(file, b"+more", 7)
        disk.crash(is_power_cut=True)
        disk.restart()
        content = disk.read(PATH)
        assert content[:7] == b"durable"
        assert b"+more".startswith(content[7:].rstrip(b"\0"))
        found.add(content)
    assert {b"durable", b"durable+more", b"durable+m"} <= found


def test_a_killed_process_loses_nothing_that_was_written() -> None:
    disk, file = written(1)
    disk.pwrite(file, b"+more", 7)
    disk.crash(is_power_cut=False)
    disk.restart()
    assert disk.read(PATH) == b"durable+more"


@pytest.mark.parametrize("moment", list(Moment))
def test_the_power_fails_at_the_write_that_was_named(moment: Moment) -> None:
    disk, file = written(2)
    disk.cut_at = (disk.writes + 2, moment)
    disk.pwrite(file, b"1", 7)
    disk.sync(file)
    disk.pwrite(file, b"2", 8)
    with pytest.raises(PowerLost):
        disk.sync(file)
    with pytest.raises(PowerLost):
        disk.pwrite(file, b"3", 9)
    kept = b"durable12" if moment is Moment.AFTER else b"durable1"
    assert disk.durable("file") == kept


def test_a_new_name_is_durable_only_after_its_folder_was_synced() -> None:
    left = set()
    for seed in range(50):
        disk, _ = written(seed)
        fresh = disk.open(Path("new"), O_RDWR | O_CREAT)
        disk.pwrite(fresh, b"newer", 0)
        disk.sync(fresh)
        disk.replace(Path("new"), PATH)
        disk.crash(is_power_cut=True)
        left.add(disk.read(PATH))
    assert left == {b"durable", b"newer"}


def test_a_transaction_of_the_store_happens_or_not() -> None:
    happened = set()
    for seed in range(50):
        disk, done = Disk(Random(seed)), list[int]()
        disk.cut_at = (1, Moment.AT)
        with pytest.raises(PowerLost):
            disk.commit(lambda done=done: done.append(1))  # type: ignore[misc]
        happened.add(len(done))
    assert happened == {0, 1}


def test_full_and_failing_disks_say_so() -> None:
    disk, file = written(3)
    disk.is_full = True
    with pytest.raises(OSError, match="no room"):
        disk.pwrite(file, b"more", 7)
    with pytest.raises(DiskFull):
        disk.commit(lambda: None)
    disk.is_full, disk.failing_syncs = False, 2
    with pytest.raises(OSError, match="failed to sync"):
        disk.sync(file)
    with pytest.raises(StorageFailed):
        disk.commit(lambda: None)
    disk.commit(lambda: None)
