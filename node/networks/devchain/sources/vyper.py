"""Which line of a Vyper source a transaction failed at.

Reads what `vyper -f combined_json` writes: for each file the runtime code and, for its
program counters, lines and kinds of failure. Contracts are recognised by their code;
immutables follow it and do not count. Nothing is compiled here.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOOKED_AT_STEPS = 16
"""Before the end: what failed jumps to code that all failures share."""
SHARED = "fallback function"
MIN_CODE_BYTES = 8
"""Shorter code says nothing about its contract."""


class SourcesError(Exception):
    """The file is not what the compiler writes; says how to make it."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class SourceMap:
    """One contract's code with its lines."""

    path: str
    runtime: bytes
    lines: Mapping[int, int]
    """Program counter -> line, from 1 on."""
    failures: Mapping[int, str]
    """Program counter -> the compiler's words for what fails there."""
    text: tuple[str, ...]
    """The source's lines; empty where the file cannot be read."""

    def describe(self, counters: Sequence[int]) -> str | None:
        """Path, line and text of what failed: of the newest instruction first, the last
        that the compiler expects to fail at, or the nearest one before it."""
        expected = (at for at in counters if self.failures.get(at, SHARED) != SHARED)
        counter = next(expected, counters[0] if counters else -1)
        known = [at for at in self.lines if at <= counter]
        if not known:
            return None
        line = self.lines[max(known)]
        found = self.text[line - 1].strip() if line <= len(self.text) else ""
        kind = self.failures.get(counter, "")
        place = f"{self.path}:{line}"
        parts = [place, f"({kind})" if kind else "", found]
        return " ".join(part for part in parts if part)


class Sources:
    """The contracts whose sources are known."""

    def __init__(self, maps: Sequence[SourceMap] = ()) -> None:
        self._maps = list(maps)

    def __bool__(self) -> bool:
        return bool(self._maps)

    @classmethod
    def read(cls, paths: Sequence[Path]) -> "Sources":
        """From files of the compiler. Raises SourcesError."""
        return cls([found for path in paths for found in _read(path)])

    def line_of(self, code: bytes, counters: Sequence[int]) -> str | None:
        """Where the last instructions of a contract, the newest first, come from."""
        for known in self._maps:
            if code.startswith(known.runtime):
                return known.describe(counters)
        return None


def _read(path: Path) -> list[SourceMap]:
    try:
        document = json.loads(path.read_text())
        return [
            _source_map(name, entry)
            for name, entry in document.items()
            if name != "version"
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SourcesError(
            f"{path} is not a compiler's output ({error!r}): make one with "
            "`vyper -f combined_json CONTRACT.vy -o FILE`"
        ) from None


def _source_map(name: str, entry: Mapping[str, Any]) -> SourceMap:
    positions = entry["source_map_runtime"]
    runtime = bytes.fromhex(entry["bytecode_runtime"].removeprefix("0x"))
    if len(runtime) < MIN_CODE_BYTES:
        raise ValueError(f"{name} has no runtime code")
    return SourceMap(
        path=name,
        runtime=runtime,
        lines={int(at): where[0] for at, where in positions["pc_pos_map"].items()},
        failures={int(at): str(w) for at, w in positions["error_map"].items()},
        text=_text(name),
    )


def _text(name: str) -> tuple[str, ...]:
    try:
        return tuple(Path(name).read_text().splitlines())
    except (OSError, UnicodeDecodeError):
        return ()


def last_counters(steps: Sequence[Mapping[str, Any]], depth: int) -> list[int]:
    """The program counters before a failure that began `depth` calls below the top
    (struct logger's steps), the newest first."""
    found: list[int] = []
    for step in reversed(steps):
        if step["depth"] == depth + 1:
            found.append(int(step["pc"]))
        elif found and step["depth"] <= depth:
            break  # the call began here
        if len(found) == LOOKED_AT_STEPS:
            break
    return found
