"""Targets by name: which commands bring one up, and how to know that it serves.

Every target lives in a fresh temporary folder (control sockets need short paths), is
started by the same commands that a user types, and is gone afterwards with its data.
"""

import asyncio
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.descriptor import Descriptor, load_descriptor
from bench.errors import BenchError
from bench.targets.process import Child, TargetError, console_command

CENTRAL_RUNGS = (
    "single",
    "database",
    "vertical",
    "horizontal",
    "replicated",
    "cached",
    "cdn",
)
START_TIMEOUT_S = 120.0
POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Running:
    """A target that serves: its descriptor, and the folder with what clients need."""

    name: str
    descriptor: Descriptor
    folder: Path


class Launcher:
    """Brings one target up, and down again whatever happened."""

    def __init__(self, name: str, log_folder: Path) -> None:
        self.name = name
        self._folder = Path(tempfile.mkdtemp(prefix=f"chandlery-{name[:12]}-"))
        # Servers that refuse to run as root run as somebody who must get in here.
        self._folder.chmod(0o711)
        self._log_folder = log_folder
        self._child: Child | None = None

    async def start(self) -> Running:
        """Start and wait until it serves; TargetError says what it printed."""
        home = self._folder / "t"
        if self.name == "synthetic":
            home.mkdir()
        argv = up_command(self.name, home)
        child = self._child = Child(argv, self._log_folder / "up.log")
        await child.start()
        descriptor_path = home / "descriptor.json"
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                while not descriptor_path.exists():
                    if child.exit_code is not None:
                        raise TargetError(
                            f"'{child.words}' ended with exit code {child.exit_code}; "
                            f"it said: {child.last_words()}"
                        )
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise TargetError(
                f"'{child.words}' was not ready within {START_TIMEOUT_S:g} s; "
                f"it said: {child.last_words()}"
            ) from None
        return Running(self.name, load_descriptor(descriptor_path), home)

    async def stop(self) -> None:
        """Stop it and remove its folder."""
        if self._child is not None:
            await self._child.stop()
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)


def up_command(name: str, home: Path) -> list[str]:
    """The command that brings a target up in the foreground."""
    if name == "synthetic":
        return [sys.executable, "-m", "bench.synthetic", str(home)]
    if name in CENTRAL_RUNGS:
        return [
            *console_command(),
            "central",
            "up",
            name,
            "--dir",
            str(home),
            "--foreground",
        ]
    kind, _, count = name.rpartition("-")
    if kind == "validators" and count.isdigit() and int(count) >= 1:
        return [
            *console_command(),
            "network",
            "up",
            str(home),
            "--validators",
            count,
            "--foreground",
        ]
    known = ", ".join([*CENTRAL_RUNGS, "validators-N", "synthetic"])
    raise BenchError(f"there is no target '{name}'; there are: {known}")
