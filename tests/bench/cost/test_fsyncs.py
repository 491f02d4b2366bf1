"""The kernel's count of fsyncs is exact, and of one cgroup alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.cost.fsyncs import FsyncCounter, unavailable
from bench.faults.cgroups import SETTING, Cgroups

pytestmark = pytest.mark.skipif(
    unavailable() is not None, reason=f"not on this machine: {unavailable()}"
)
WRITER = """
import os, sys
with open(sys.argv[1], "w") as file:
    file.write("0")
with open(sys.argv[2], "w") as file:
    for _ in range(int(sys.argv[3])):
        os.fsync(file.fileno())
        os.fdatasync(file.fileno())
"""


def test_calls_are_counted_by_component(tmp_path: Path) -> None:
    with Cgroups.claim():
        folder = Path(os.environ[SETTING])
        paths = {name: folder / name for name in ("a", "b", "idle")}
        for path in paths.values():
            path.mkdir()
        counter = FsyncCounter(paths)
        try:
            for name, times in (("a", 17), ("b", 4)):
                procs = str(paths[name] / "cgroup.procs")
                words = [sys.executable, "-c", WRITER, procs, str(tmp_path / name)]
                subprocess.run([*words, str(times)], check=True)
            assert counter.read() == {"a": 34, "b": 8, "idle": 0}
        finally:
            counter.close()
