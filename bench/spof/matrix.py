"""A matrix as it is kept (`spof.json`): what was done to whom, and what came of it.

One cell is one fault on one component of one target. It holds the moments and the
verdicts; the requests they rest on are in the `history.jsonl` of the cell's stage, so
that anybody can judge again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.errors import BenchError, Exit
from bench.spof.verdict import OperationVerdict, Word
from bench.store.folder import read_json, write_json

SPOF_FILE = "spof.json"
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Cell:
    """One fault on one component. `office` is what it held when it was hit ("primary");
    `asked` is whom the fault was meant for: a component, or an office, whoever held it.
    `not_run` says why nothing was done. Moments in seconds of the stage's load."""

    component: str
    role: str
    office: str
    fault: str
    asked: str = ""
    method: str = ""
    not_run: str | None = None
    stage: str = ""
    begun_s: float = 0.0
    ended_s: float = 0.0
    watched_to_s: float = 0.0
    well_again_s: float | None = (
        None  # from the healing; None: not while it was watched
    )
    operations: dict[str, OperationVerdict] = field(default_factory=dict)
    lost: tuple[str, ...] = ()
    duplicated: tuple[str, ...] = ()

    @property
    def worst(self) -> Word:
        """The gravest of its operations' words."""
        order = [Word.NOT_ASKED, Word.WORKS, Word.DEGRADED, Word.STOPS, Word.LOSES]
        words = [verdict.word for verdict in self.operations.values()]
        return max(words, key=order.index, default=Word.NOT_ASKED)


@dataclass(frozen=True, slots=True)
class Matrix:
    """All cells of one target."""

    target: str
    durability: str
    operations: tuple[str, ...]
    cells: tuple[Cell, ...]
    missing: str | None = None
    usual_p99_ms: dict[str, float | None] = field(default_factory=dict)

    @property
    def single_points(self) -> list[str]:
        """Components of which one fault at least stopped an operation or lost data."""
        grave = (Word.STOPS, Word.LOSES)
        names = [cell.component for cell in self.cells if cell.worst in grave]
        return list(dict.fromkeys(names))


def save(path: Path, matrices: Sequence[Matrix]) -> None:
    """Write all matrices of a run."""
    write_json(
        path, {"schema": SCHEMA, "targets": [as_json(matrix) for matrix in matrices]}
    )


def as_json(matrix: Matrix) -> dict[str, Any]:
    """One matrix as plain data."""
    return {
        "target": matrix.target,
        "missing": matrix.missing,
        "durability": matrix.durability,
        "operations": list(matrix.operations),
        "single_points": matrix.single_points,
        "usual_p99_ms": matrix.usual_p99_ms,
        "cells": [
            {
                "component": cell.component,
                "role": cell.role,
                "office": cell.office,
                "fault": cell.fault,
                "asked": cell.asked,
                "method": cell.method,
                "not_run": cell.not_run,
                "stage": cell.stage,
                "begun_s": cell.begun_s,
                "ended_s": cell.ended_s,
                "watched_to_s": cell.watched_to_s,
                "well_again_s": cell.well_again_s,
                "worst": cell.worst.value,
                "operations": {n: v.as_json() for n, v in cell.operations.items()},
                "lost": list(cell.lost),
                "duplicated": list(cell.duplicated),
            }
            for cell in matrix.cells
        ],
    }


def read(path: Path) -> list[Matrix]:
    """Read matrices back; BenchError if the file is none."""
    data = read_json(path)
    try:
        return [_matrix(item) for item in data["targets"]]
    except (KeyError, TypeError, ValueError) as error:
        raise BenchError(f"{path} is no matrix: {error!r}", Exit.STORAGE) from None


def _matrix(data: dict[str, Any]) -> Matrix:
    return Matrix(
        data["target"],
        data["durability"],
        tuple(data["operations"]),
        tuple(_cell(cell) for cell in data["cells"]),
        data["missing"],
        data["usual_p99_ms"],
    )


def _cell(data: dict[str, Any]) -> Cell:
    known = {k: v for k, v in data.items() if k != "worst"}
    known["operations"] = {
        name: OperationVerdict(**{**found, "word": Word(found["word"])})
        for name, found in data["operations"].items()
    }
    known["lost"], known["duplicated"] = tuple(data["lost"]), tuple(data["duplicated"])
    return Cell(**known)
