"""fsync fails while strace is attached, for a whole process tree, and only so long."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.faults.brokendisk import BrokenDisk, unavailable

DEADLINE_S = 60
# Says for every line that it is sent how its fsync ended, by a thread of its own, as
# databases and nodes call it.
PROGRAM = """
import os, sys, threading
path = sys.argv[1]
def sync(out):
    with open(path, "a") as file:
        file.write("x")
        file.flush()
        try:
            os.fsync(file.fileno())
            out.append("ok")
        except OSError as error:
            out.append(str(error.errno))
for line in sys.stdin:
    out = []
    thread = threading.Thread(target=sync, args=(out,))
    thread.start()
    thread.join()
    print(out[0], flush=True)
"""
# The same one process further down.
PARENT = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"
needs_strace = pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))


@asynccontextmanager
async def syncing(
    folder: Path, *before: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(*before, sys.executable, "-c", PROGRAM, str(folder / "file")),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(DEADLINE_S):
            yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def sync(process: asyncio.subprocess.Process) -> str:
    """How one fsync of the process ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"\n")
    return (await process.stdout.readline()).decode().strip()


@needs_strace
@pytest.mark.parametrize("before", [(), (sys.executable, "-c", PARENT)])
async def test_fsync_fails_while_the_disk_is_broken_and_no_longer(
    tmp_path: Path, before: tuple[str, ...]
) -> None:
    async with syncing(tmp_path, *before) as process:
        assert await sync(process) == "ok"
        disk = await BrokenDisk.under(process.pid)
        try:
            assert await sync(process) == "5", "EIO"
            assert await sync(process) == "5"
        finally:
            await disk.mend()
        assert await sync(process) == "ok"


@needs_strace
async def test_a_process_that_is_gone_is_said_to_be() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await process.wait()
    with pytest.raises(BenchError, match="no process"):
        await BrokenDisk.under(process.pid)
