"""A disk that keeps what was synced and, at a power cut, perhaps a part of the rest.

`Disk` is the `node.storage.files.Files` of one host: written bytes are in the page
cache until `sync`; a power cut keeps the synced content and of what was written after
it a prefix, the last write torn at any byte, or at a sector with zeros up to the
length the file had. A killed process loses nothing that was written. Every sync, and
every commit of the block store (`commit`), is a numbered durable write: `cut_at` makes
the power fail before, at or after one of them.
"""

import errno
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from os import O_CREAT, O_EXCL, O_TRUNC
from pathlib import Path
from random import Random

from node.driver.ports import DiskFull, StorageFailed

SECTOR_BYTES = 512


class PowerLost(BaseException):
    """The host is dead: no handler of the program under test may go on."""


class Moment(Enum):
    """When the power fails, seen from a durable write."""

    BEFORE = "before"
    AT = "at"
    AFTER = "after"


@dataclass(slots=True)
class Inode:
    """A file's content: in the page cache, and what a power cut leaves."""

    cached: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    unsynced: list[tuple[int, bytes | None]] = field(default_factory=list)
    """(at, data), or (length, None) for a truncation; in order."""


def _apply(content: bytearray, at: int, data: bytes | None) -> None:
    if data is None:
        del content[at:]
        return
    if len(content) < at:
        content.extend(bytes(at - len(content)))
    content[at : at + len(data)] = data


class Disk:
    """One host's; outlives its crashes."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._names: dict[str, Inode] = {}
        self._durable_names: dict[str, Inode] = {}
        self._open: dict[int, Inode] = {}
        self._next = 3
        self.is_full = False
        self.failing_syncs = 0
        """So many of the next durable writes fail with an error."""
        self.writes = 0
        """Durable writes so far."""
        self.cut_at: tuple[int, Moment] | None = None
        self.is_cut = False
        self.on_cut: Callable[[], None] = _nothing
        """Told when `cut_at` came."""

    # --- durable writes ---

    def commit(self, apply: Callable[[], None]) -> None:
        """A transaction of the block store: all or nothing, durable on return."""
        self._check()
        if self.is_full:
            raise DiskFull("no room on the simulated disk")
        moment = self._moment()
        if self.failing_syncs:
            self.failing_syncs -= 1
            if self._random.random() < 0.5:
                apply()
            raise StorageFailed("the simulated disk failed to sync")
        if moment is Moment.BEFORE:
            self._cut()
        if moment is not Moment.AT or self._random.random() < 0.5:
            apply()
        if moment is not None:
            self._cut()

    def sync(self, file: int) -> None:
        """The content is durable on return."""
        self._check()
        inode = self._open[file]
        moment = self._moment()
        if self.failing_syncs:
            self.failing_syncs -= 1
            raise OSError(errno.EIO, "the simulated disk failed to sync")
        if moment in (Moment.BEFORE, Moment.AT):
            self._cut()
        for write in inode.unsynced:
            _apply(inode.durable, *write)
        inode.unsynced.clear()
        if moment is Moment.AFTER:
            self._cut()

    def sync_folder(self, _: Path) -> None:
        """Names are durable on return."""
        self._check()
        moment = self._moment()
        if moment in (Moment.BEFORE, Moment.AT):
            self._cut()
        self._durable_names = dict(self._names)
        if moment is Moment.AFTER:
            self._cut()

    # --- the page cache ---

    def read(self, path: Path) -> bytes:
        """The whole file. Raises FileNotFoundError."""
        inode = self._names.get(path.name)
        if inode is None:
            raise FileNotFoundError(path.name)
        return bytes(inode.cached)

    def open(self, path: Path, flags: int) -> int:
        """A descriptor."""
        inode = self._names.get(path.name)
        if inode is not None and flags & O_EXCL:
            raise FileExistsError(path.name)
        if inode is None:
            if not flags & O_CREAT:
                raise FileNotFoundError(path.name)
            inode = self._names[path.name] = Inode()
        self._next += 1
        self._open[self._next] = inode
        if flags & O_TRUNC:
            self.truncate(self._next, 0)
        return self._next

    def pwrite(self, file: int, data: bytes | memoryview, at: int) -> int:
        """All of it, or an error after a part."""
        self._check()
        raw = bytes(data)
        if self.is_full:
            raw = raw[: self._random.randrange(len(raw) + 1)] if raw else raw
        inode = self._open[file]
        _apply(inode.cached, at, raw)
        inode.unsynced.append((at, raw))
        if self.is_full:
            raise OSError(errno.ENOSPC, "no room on the simulated disk")
        return len(raw)

    def truncate(self, file: int, length: int) -> None:
        """Cut off what is behind."""
        self._check()
        inode = self._open[file]
        if len(inode.cached) != length:
            _apply(inode.cached, length, None)
            inode.unsynced.append((length, None))

    def close(self, file: int) -> None:
        """Release the descriptor."""
        self._open.pop(file, None)

    def replace(self, source: Path, target: Path) -> None:
        """Rename."""
        self._check()
        self._names[target.name] = self._names.pop(source.name)

    def remove(self, path: Path) -> None:
        """Remove, if it is there."""
        self._check()
        self._names.pop(path.name, None)

    # --- crashes ---

    def durable(self, name: str) -> bytes:
        """What a power cut would surely leave of a file."""
        inode = self._durable_names.get(name)
        return bytes(inode.durable) if inode else b""

    def cached(self, name: str) -> bytes:
        """What the file holds for whoever reads it."""
        inode = self._names.get(name)
        return bytes(inode.cached) if inode else b""

    def place(self, name: str, content: bytes | None) -> None:
        """An operator's hand: a file as it is in a backup, or gone (None)."""
        if content is None:
            self._names.pop(name, None)
            self._durable_names.pop(name, None)
            return
        inode = Inode(bytearray(content), bytearray(content))
        self._names[name] = self._durable_names[name] = inode

    def crash(self, is_power_cut: bool) -> None:
        """The host is gone; what is left is what the next start reads."""
        self._open.clear()
        self.is_cut = True
        if is_power_cut:
            if self._random.random() < 0.5:
                self._names = dict(self._durable_names)
            for inode in self._names.values():
                self._tear(inode)
        self._durable_names = dict(self._names)

    def restart(self) -> None:
        """Power is back."""
        self.is_cut = False
        self.cut_at = None

    def _tear(self, inode: Inode) -> None:
        writes, content = inode.unsynced, bytearray(inode.durable)
        kept = self._random.randrange(len(writes) + 1) if writes else 0
        for write in writes[:kept]:
            _apply(content, *write)
        if kept < len(writes):
            at, data = writes[kept]
            if data is not None:
                _apply(content, at, self._torn(at, data))
        inode.cached, inode.durable = bytearray(content), content
        inode.unsynced = []

    def _torn(self, at: int, data: bytes) -> bytes:
        """A prefix, or whole sectors and zeros where the length was there before."""
        length = self._random.randrange(len(data) + 1)
        if self._random.random() < 0.7:
            return data[:length]
        length = max(0, (at + length) // SECTOR_BYTES * SECTOR_BYTES - at)
        return data[:length].ljust(len(data), b"\0")

    def _moment(self) -> Moment | None:
        self.writes += 1
        if self.cut_at is not None and self.cut_at[0] == self.writes:
            return self.cut_at[1]
        return None

    def _cut(self) -> None:
        self.is_cut = True
        self.on_cut()
        raise PowerLost

    def _check(self) -> None:
        if self.is_cut:
            raise PowerLost


def _nothing() -> None:
    return None
