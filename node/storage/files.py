"""The operations on files that promises of durability rest on.

`SystemFiles` is the machine's; a simulation brings files that lose, tear and refuse
writes (`node.simulation.machine.disk`). Descriptors are numbers, errors are OSError.
"""

import os
from pathlib import Path
from typing import Protocol


class Files(Protocol):
    """What the safety log needs of a file system."""

    def read(self, path: Path) -> bytes:
        """The whole file. Raises FileNotFoundError."""
        ...

    def open(self, path: Path, flags: int) -> int:
        """A descriptor; a new file is its owner's alone."""
        ...

    def pwrite(self, file: int, data: bytes | memoryview, at: int) -> int:
        """How many bytes were written."""
        ...

    def truncate(self, file: int, length: int) -> None:
        """Cut off what is behind."""
        ...

    def sync(self, file: int) -> None:
        """The content is durable on return."""
        ...

    def close(self, file: int) -> None: ...

    def replace(self, source: Path, target: Path) -> None:
        """Rename, atomically."""
        ...

    def remove(self, path: Path) -> None:
        """Remove, if it is there."""
        ...

    def sync_folder(self, folder: Path) -> None:
        """Created, renamed and removed names are durable on return."""
        ...


class SystemFiles:
    """The files of this machine."""

    def read(self, path: Path) -> bytes:
        """The whole file. Raises FileNotFoundError."""
        return path.read_bytes()

    def open(self, path: Path, flags: int) -> int:
        """A descriptor; a new file is its owner's alone."""
        return os.open(path, flags, 0o600)

    def pwrite(self, file: int, data: bytes | memoryview, at: int) -> int:
        """How many bytes were written."""
        return os.pwrite(file, data, at)

    def truncate(self, file: int, length: int) -> None:
        """Cut off what is behind."""
        os.ftruncate(file, length)

    def sync(self, file: int) -> None:
        """Content and length are durable on return."""
        os.fdatasync(file)

    def close(self, file: int) -> None:
        """Release the descriptor."""
        os.close(file)

    def replace(self, source: Path, target: Path) -> None:
        """Rename, atomically."""
        os.replace(source, target)

    def remove(self, path: Path) -> None:
        """Remove, if it is there."""
        path.unlink(missing_ok=True)

    def sync_folder(self, folder: Path) -> None:
        """Make created, renamed and removed names of a folder durable."""
        file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(file)
        finally:
            os.close(file)


SYSTEM_FILES = SystemFiles()
