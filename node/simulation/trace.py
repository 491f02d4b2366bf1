"""The full event log of a simulation as a file: one JSON document a line.

Two kinds of lines: `{"host", "entry"}`, an event or effect of one engine as
`node.driver.event_log` spells it, and at the end `{"line"}`, the network's own log.
`chandlery replay` steps through it. The same seed gives the same bytes.
"""

import json
from collections.abc import Sequence
from typing import TextIO


class TraceWriter:
    """Writes as it goes; `finish` ends it."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def record(self, host: str, entry: dict[str, object]) -> None:
        """One event or effect of a host's engine."""
        self._write({"host": host, "entry": entry})

    def finish(self, lines: Sequence[str]) -> None:
        """The lines of the whole network."""
        for line in lines:
            self._write({"line": line})

    def _write(self, document: dict[str, object]) -> None:
        self._file.write(json.dumps(document, separators=(",", ":")) + "\n")
