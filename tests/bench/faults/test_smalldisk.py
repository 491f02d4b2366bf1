"""A small disk keeps what was on it, fills to the last byte, and is free again."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.faults.smalldisk import SIZE_MB, SmallDisk, unavailable


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    if unavailable() is not None:
        pytest.skip(f"not on this machine: {unavailable()}")
    folder = tmp_path / "node1"
    (folder / "tls").mkdir(parents=True)
    (folder / "key.json").write_text("secret")
    (folder / "key.json").chmod(0o600)
    try:
        made = SmallDisk.under(folder)
    except BenchError as refusal:
        pytest.skip(str(refusal))
    yield made
    made.remove()


def test_what_was_there_is_there_with_its_permissions(disk: SmallDisk) -> None:
    key = disk.folder / "key.json"
    assert key.read_text() == "secret"
    assert key.stat().st_mode & 0o777 == 0o600
    assert (disk.folder / "tls").is_dir()
    assert [path.name for path in disk.folder.parent.iterdir()] == ["node1"]


def test_it_fills_up_and_is_free_again(disk: SmallDisk) -> None:
    assert disk.fill() > SIZE_MB * 900_000
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        (disk.folder / "more").write_bytes(b"x" * 8192)
    disk.free()
    (disk.folder / "more").write_bytes(b"x" * 8192)
