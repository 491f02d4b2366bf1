"""A small disk of its own for a node, so that it can be filled without harming anybody.

The node's folder, made but not yet in use, is moved onto a file system in memory of a
fixed size; a ballast file then takes all that is left, and the node meets ENOSPC where
it would on a real disk. Needs root (mount). Memory survives kill -9 of the node, as a
disk would; it does not survive the machine, and its fsync costs nothing, so no figure
of speed may be taken from a node on it.
"""

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from bench.errors import BenchError

SIZE_MB = 192
BALLAST = "ballast"
CHUNK = bytes(1 << 20)


class SmallDisk:
    """One mounted folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def under(cls, folder: Path) -> "SmallDisk":
        """Put a small disk under a folder, its content included; BenchError if not."""
        aside = folder.with_name(folder.name + ".aside")
        folder.rename(aside)
        folder.mkdir(mode=0o700)
        words = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m,mode=700", "tmpfs"]
        made = subprocess.run(
            [*words, str(folder)], capture_output=True, text=True, check=False
        )
        if made.returncode != 0:
            folder.rmdir()
            aside.rename(folder)
            raise BenchError(f"a small disk cannot be mounted: {made.stderr.strip()}")
        shutil.copytree(aside, folder, dirs_exist_ok=True, symlinks=True)
        shutil.rmtree(aside)
        return cls(folder)

    def fill(self) -> int:
        """Take all that is left; returns how many bytes that was."""
        with (self.folder / BALLAST).open("ab", buffering=0) as ballast:
            with suppress(OSError):  # the last write before it is cut short
                while True:
                    ballast.write(CHUNK)
            return ballast.tell()

    def free(self) -> None:
        """Give it back."""
        (self.folder / BALLAST).unlink(missing_ok=True)

    def remove(self) -> None:
        """Unmount; what was on it is gone."""
        subprocess.run(["umount", "-l", str(self.folder)], check=False)


def unavailable() -> str | None:
    """Why no small disk can be had here; None if one can."""
    if os.geteuid() != 0:
        return "a small disk needs root (mount)"
    if shutil.which("mount") is None:
        return "there is no `mount` here"
    return None
