"""The safety log on disk: what this validator signed, durable before it is signed.

`init` creates it, bound to one block store, validator and chain; nothing else does. A
log that is missing or belongs to another node gives a state that cannot sign: the node
follows. Records of older heights are dropped by rewriting the file once it has grown,
when the first record of a new height is appended (a new file, fsync, rename, fsync of
the folder): a validator never signs for an older height again.
"""

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from node.consensus import codec
from node.consensus.safety import SafetyRecord, SafetyState
from node.driver.ports import DiskFull, StorageFailed
from node.storage.files import SYSTEM_FILES, Files
from node.storage.safety_frames import (
    Binding,
    Scanned,
    encode_header,
    encode_records,
    scan,
)

COMPACT_BYTES = 256_000
SIGNED = b"\x01"
FORBIDDEN = b"\x02"


class FileSafetyLog:
    """`node.driver.ports.SafetyLog` in one append-only file."""

    def __init__(
        self,
        path: Path,
        binding: Binding,
        files: Files = SYSTEM_FILES,
        compact_bytes: int = COMPACT_BYTES,
    ) -> None:
        """Read the log at `path`; a torn append is cut off. Raises SafetyLogCorrupt.

        A missing or foreign log is left alone; `load` then says that it cannot sign.
        Above `compact_bytes` older heights are dropped.
        """
        self._path = path
        self._compact_bytes = compact_bytes
        self._binding = binding
        self._files = files
        self._file: int | None = None
        self._state = SafetyState(can_sign=False)
        scanned = self._read()
        self.refusal = self._refusal_of(scanned)
        if scanned is None or self.refusal:
            return
        with _Translated(path):
            self._file = files.open(path, os.O_RDWR)
            files.truncate(self._file, scanned.length)
            files.sync(self._file)
        self._length, self._checksum = scanned.length, scanned.checksum
        self._state = state_of(scanned.payloads)

    @classmethod
    def create(cls, path: Path, binding: Binding, files: Files = SYSTEM_FILES) -> None:
        """Make an empty log, durably; one that exists is never replaced."""
        header, _ = encode_header(binding)
        try:
            file = files.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            raise StorageFailed(f"{path} exists already and is not replaced") from None
        with _Translated(path):
            _write(files, file, header, 0)
            files.sync(file)
            files.close(file)
            files.sync_folder(path.parent)

    def load(self) -> SafetyState:
        """What the log says; `can_sign` is False when it is missing or foreign."""
        return self._state

    def append(self, records: Sequence[SafetyRecord]) -> None:
        """Durable on return. Raises DiskFull (nothing was appended), StorageFailed."""
        if not records:
            return
        payloads = [SIGNED + codec.encode_safety_record(record) for record in records]
        kept = [r for r in self._state.records if r.height == records[-1].height]
        fresh = [r for r in records if r.height == records[-1].height]
        if self._file is not None and self._length > self._compact_bytes and not kept:
            newest = [SIGNED + codec.encode_safety_record(record) for record in fresh]
            self._rewrite([forbidden(self._state.sign_above), *newest])
        else:
            self._write(payloads)
        self._state = SafetyState((*kept, *fresh), self._state.sign_above)

    def forbid(self, height: int) -> None:
        """Durably: never sign for this height or below."""
        if height > self._state.sign_above:
            self._write([forbidden(height)])
            self._state = SafetyState(self._state.records, height)

    def close(self) -> None:
        """Release the file."""
        if self._file is not None:
            self._files.close(self._file)
            self._file = None

    def _read(self) -> Scanned | None:
        try:
            data = self._files.read(self._path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageFailed(f"{self._path}: {error}") from error
        return scan(data, str(self._path))

    def _refusal_of(self, scanned: Scanned | None) -> str:
        """Why the node must not sign with this log; empty when it may."""
        if scanned is None:
            return f"{self._path} is missing"
        if scanned.binding != self._binding:
            return f"{self._path} belongs to another node, validator or network"
        return ""

    def _write(self, payloads: Sequence[bytes]) -> None:
        if self._file is None:
            raise StorageFailed(f"{self.refusal or 'the safety log is closed'}")
        data, checksum = encode_records(payloads, self._checksum)
        with _Translated(self._path):
            try:
                _write(self._files, self._file, data, self._length)
            except OSError:
                # Room may come back: the next append starts where this one did.
                self._files.truncate(self._file, self._length)
                raise
        with _Translated(self._path, may_be_full=False):
            try:
                self._files.sync(self._file)
            except OSError:
                self.refusal = f"an fsync of {self._path} failed before"
                self.close()
                raise
        self._length += len(data)
        self._checksum = checksum

    def _rewrite(self, payloads: Sequence[bytes]) -> None:
        header, checksum = encode_header(self._binding)
        data, checksum = encode_records(payloads, checksum)
        fresh, files = self._path.with_name(self._path.name + ".new"), self._files
        with _Translated(fresh):
            file = files.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
            try:
                _write(files, file, header + data, 0)
            except OSError:
                files.close(file)
                files.remove(fresh)
                raise
        with _Translated(fresh, may_be_full=False):
            files.sync(file)
            files.replace(fresh, self._path)
            files.sync_folder(self._path.parent)
        if self._file is not None:
            files.close(self._file)
        self._file, self._checksum = file, checksum
        self._length = len(header) + len(data)


def state_of(payloads: Sequence[bytes]) -> SafetyState:
    """What the records of a log add up to: those of the newest height, all bans."""
    sign_above, records = 0, list[SafetyRecord]()
    for payload in payloads:
        kind, content = payload[:1], payload[1:]
        if kind == FORBIDDEN:
            sign_above = max(sign_above, int.from_bytes(content, "big"))
        else:
            records.append(codec.decode_safety_record(content))
    newest = max((record.height for record in records), default=0)
    records = [record for record in records if record.height == newest]
    return SafetyState(tuple(records), sign_above)


def forbidden(height: int) -> bytes:
    """The payload that bans signing up to a height."""
    return FORBIDDEN + height.to_bytes(8, "big")


def _write(files: Files, file: int, data: bytes, at: int) -> None:
    view = memoryview(data)
    while view:
        written = files.pwrite(file, view, at)
        view, at = view[written:], at + written


class _Translated:
    """OSError as DiskFull where the write can be tried again, else StorageFailed."""

    def __init__(self, path: Path, may_be_full: bool = True) -> None:
        self._path = path
        self._may_be_full = may_be_full

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if not isinstance(error, OSError):
            return
        if self._may_be_full and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"no room on the disk for {self._path}") from error
        raise StorageFailed(
            f"{self._path}: {error}; what reached the disk is unknown, so the node "
            "stops: check the disk, then start it again"
        ) from error
