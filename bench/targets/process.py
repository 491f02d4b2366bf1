"""A target's command as a child process that cannot outlive the bench.

The supervisor runs in the foreground, in a process group of its own, so that Ctrl-C
reaches the bench alone and the bench takes the target down in order. Should the bench
be killed, the kernel sends the supervisor SIGTERM (Linux: PR_SET_PDEATHSIG).
"""

import asyncio
import ctypes
import json
import os
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path

from bench.errors import BenchError

STOP_TIMEOUT_S = 30.0
PR_SET_PDEATHSIG = 1
OUTPUT_LINES_SHOWN = 12
OUTPUT_TEXT_MAX = 400
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class TargetError(BenchError):
    """A target could not be brought up; the text says what it printed last."""


def console_command() -> list[str]:
    """How to call `chandlery`: the script beside this Python, or the one on PATH."""
    beside = Path(sys.executable).parent / "chandlery"
    found = str(beside) if beside.is_file() else shutil.which("chandlery")
    if found is None:
        raise BenchError("the command 'chandlery' is not installed; run: make test")
    return [found]


class Child:
    """One command with its output in a file."""

    def __init__(self, argv: list[str], log: Path) -> None:
        self._argv = argv
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it; output goes to the log file."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )

    @property
    def exit_code(self) -> int | None:
        """Its exit code, or None while it runs."""
        return None if self._process is None else self._process.returncode

    async def wait(self, timeout_s: float) -> int:
        """Wait for its end; TargetError if that takes longer."""
        assert self._process is not None, "start() comes first"
        try:
            async with asyncio.timeout(timeout_s):
                return await self._process.wait()
        except TimeoutError:
            await self.stop()
            raise TargetError(
                f"'{self.words}' did not finish within {timeout_s:g} s; it said: "
                f"{self.last_words()}"
            ) from None

    async def stop(self) -> None:
        """SIGTERM, and after a while SIGKILL to its whole group."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    @property
    def words(self) -> str:
        """The command as a user would type it."""
        return " ".join([Path(self._argv[0]).name, *self._argv[1:]])

    def output_json(self) -> str:
        """The JSON object it printed; TargetError if it printed none."""
        text = self._log.read_text(errors="replace")
        start = text.find("{")
        try:
            return json.dumps(json.loads(text[start:]))
        except ValueError:
            raise TargetError(
                f"'{self.words}' was to print JSON; it said: {self.last_words()}"
            ) from None

    def last_words(self) -> str:
        """The last lines of its output; the whole of it is in the run's folder."""
        text = self._log.read_text(errors="replace") if self._log.exists() else ""
        lines = [line.strip() for line in text.splitlines() if line.strip(" ^~")]
        told = " | ".join(lines[-OUTPUT_LINES_SHOWN:]) or "(nothing)"
        return (
            told if len(told) <= OUTPUT_TEXT_MAX else "... " + told[-OUTPUT_TEXT_MAX:]
        )


def _die_with_parent() -> None:
    if _LIBC is not None:
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
