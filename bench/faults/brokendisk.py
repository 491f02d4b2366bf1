"""fsync that fails, on real processes: strace answers in the kernel's place.

While strace is attached, every fsync and fdatasync of a component's processes returns
EIO, as after a write that the disk refused; what was written before stays in the page
cache, so whoever believes in a later fsync that succeeds has been told a lie by a real
disk too (PostgreSQL's "fsyncgate", 2018). Nothing else is changed, but a traced process
runs slower: no figure of speed may be taken from it.
Source: strace(1), "Tampering".
"""

import asyncio
import os
import re
import shutil
import sys
from contextlib import suppress
from pathlib import Path

import psutil

from bench.errors import BenchError

CALLS = "fsync,fdatasync,sync_file_range"
ATTACH_TIMEOUT_S = 20.0
DETACH_TIMEOUT_S = 10.0
ATTACHED = re.compile(rb"Process (\d+) attached|PTRACE_SEIZE, (\d+)\)")
YAMA = Path("/proc/sys/kernel/yama/ptrace_scope")


class BrokenDisk:
    """Under the process tree of one component, until it is mended."""

    def __init__(self, strace: asyncio.subprocess.Process) -> None:
        self._strace = strace
        self._drain: asyncio.Task[bytes] | None = None

    @classmethod
    async def under(cls, pid: int) -> "BrokenDisk":
        """Return once every process of the tree is held; BenchError if that fails."""
        pids = _tree(pid)
        words = ["strace", "-f", "-e", f"trace={CALLS}", "-e", "signal=none"]
        words += ["-e", f"inject={CALLS}:error=EIO", "-o", os.devnull]
        words += [word for one in pids for word in ("-p", str(one))]
        strace = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        disk = cls(strace)
        try:
            async with asyncio.timeout(ATTACH_TIMEOUT_S):
                await disk._attached(set(pids))
        except TimeoutError:
            await disk.mend()
            raise BenchError(
                f"strace did not attach within {ATTACH_TIMEOUT_S:g} s"
            ) from None
        except BaseException:
            await disk.mend()
            raise
        return disk

    async def mend(self) -> None:
        """Let go of the processes; they go on, unless they have ended of it."""
        if self._strace.returncode is None:
            with suppress(ProcessLookupError):
                self._strace.terminate()
            try:
                async with asyncio.timeout(DETACH_TIMEOUT_S):
                    await self._strace.wait()
            except TimeoutError:
                with suppress(ProcessLookupError):
                    self._strace.kill()  # the kernel lets go of what it traced
                await self._strace.wait()
        if self._drain is not None:
            await self._drain

    async def _attached(self, pids: set[int]) -> None:
        """Read what strace says until it has spoken of every process."""
        stderr = self._strace.stderr
        assert stderr is not None, "asked for above"
        said, last, held = set[int](), b"", 0
        while not pids <= said:
            line = await stderr.readline()
            if not line:
                break
            last = line
            if found := ATTACHED.search(line):
                said.add(int(found[1] or found[2]))
                held += found[1] is not None
        if not held:
            words = last.decode(errors="replace").strip()
            raise BenchError(f"strace cannot attach: {words}")
        self._drain = asyncio.create_task(stderr.read())


def _tree(pid: int) -> list[int]:
    try:
        process = psutil.Process(pid)
        return [pid, *(child.pid for child in process.children(recursive=True))]
    except psutil.NoSuchProcess:
        raise BenchError(f"there is no process {pid} any more") from None


def unavailable() -> str | None:
    """Why no fsync can be made to fail here; None if it can."""
    if not sys.platform.startswith("linux") or shutil.which("strace") is None:
        return "there is no `strace` here"
    with suppress(OSError, ValueError):
        if os.geteuid() != 0 and int(YAMA.read_text()) > 0:
            return f"strace may not attach to other processes ({YAMA}); root may"
    return None
