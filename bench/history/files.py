"""Append-only files of lines, plain or gzipped, written during a trial and read after.

A writer hands its lines to the operating system as its buffer fills, so a bench that
is killed leaves whole records but for the last. The reader passes over a torn last line
and refuses a broken one in the middle.
"""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

import orjson

from bench.history.record import Record, decode_record, encode_record

BUFFER_BYTES = 1 << 16
COMPRESS_ABOVE_BYTES = 16 << 20


class LineWriter:
    """Appends records or plain objects to one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("ab", buffering=BUFFER_BYTES)

    def record(self, record: Record) -> None:
        """Append one operation."""
        self._file.write(encode_record(record))

    def line(self, data: dict[str, Any]) -> None:
        """Append one object."""
        self._file.write(orjson.dumps(data, option=orjson.OPT_APPEND_NEWLINE))

    def close(self) -> None:
        """Flush and close; a large file is compressed then."""
        self._file.close()
        if self._path.stat().st_size > COMPRESS_ABOVE_BYTES:
            packed = self._path.with_name(self._path.name + ".gz")
            with self._path.open("rb") as plain, gzip.open(packed, "wb", 6) as out:
                while block := plain.read(1 << 20):
                    out.write(block)
            self._path.unlink()


def read_records(path: Path) -> list[Record]:
    """All whole records of a history file (or of its compressed form)."""
    return [
        decode_record(line, f"{path.name}, line {number}")
        for number, line in enumerate(_lines(path), 1)
    ]


def read_lines(path: Path) -> list[dict[str, Any]]:
    """All whole objects of a file of lines; an absent file has none."""
    return [orjson.loads(line) for line in _lines(path)]


def _lines(path: Path) -> Iterator[bytes]:
    packed = path.with_name(path.name + ".gz")
    if not path.exists() and not packed.exists():
        return
    with _open(path, packed) as source:
        for line in source:
            if line.endswith(b"\n"):
                yield line


def _open(path: Path, packed: Path) -> IO[bytes]:
    if path.exists():
        return path.open("rb")
    return cast("IO[bytes]", gzip.open(packed, "rb"))
