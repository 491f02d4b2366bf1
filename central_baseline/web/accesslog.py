"""One JSON line for each request, written to the log a few at a time.

The problem: a write for every line costs as much as the rest of its making, on the path
of every order. The promise: a line is in the file `FLUSH_S` after its request at the
latest, sooner when many come, and all of them before the server ends in order. A killed
server loses the lines of its last `FLUSH_S`.
"""

import asyncio
from collections.abc import Mapping
from typing import BinaryIO

import orjson

FLUSH_S = 0.1
MAX_LINES = 500  # waiting to be written


class AccessLog:
    """Lines for a binary file that is opened for appending."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lines: list[bytes] = []

    def add(self, fields: Mapping[str, object]) -> None:
        """Note one request."""
        if not self._lines:
            asyncio.get_running_loop().call_later(FLUSH_S, self.flush)
        self._lines.append(orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE))
        if len(self._lines) >= MAX_LINES:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._lines:
            lines, self._lines = self._lines, []
            self._file.write(b"".join(lines))
            self._file.flush()
