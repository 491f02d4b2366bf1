"""The matrix for people: as text on a terminal, and as a section of a run's report."""

from collections.abc import Sequence
from pathlib import Path

from bench.report.markup import Cell as HtmlCell
from bench.report.markup import bullets, paragraph, table, text
from bench.report.words import listed, plural, seconds
from bench.spof.matrix import SPOF_FILE, Cell, Matrix, read
from bench.spof.verdict import OperationVerdict, Word

TONES = {
    Word.WORKS: "good",
    Word.DEGRADED: "note",
    Word.STOPS: "bad",
    Word.LOSES: "bad",
    Word.NOT_ASKED: "note",
}
MEANING = (
    "One component at a time is killed (it stays dead), paused (it holds its "
    "connections and does nothing) or partitioned (its packets are lost) under a thin "
    "load, until everything works again or for the time given. Works: at least 99 % "
    "of the requests succeed, no slower than twice the usual p99 or than 250 ms. "
    "Degraded: less, but served again before the fault ended; the time is the longest "
    "without a served request. Stops: never served in the last third of the fault, "
    "and asked for in vain. "
    "Loses data: an acknowledged order is not there afterwards."
)
RULE = (
    "A word holds for a fault of this length: what needs longer than that to recover "
    "reads as stopped."
)


def lines(matrix: Matrix) -> list[str]:
    """A table of plain text, with what it says below."""
    title = f"{matrix.target}"
    if matrix.missing is not None and not matrix.cells:
        return [title, f"  not measured: {matrix.missing}"]
    names = [operation.replace("_", " ") for operation in matrix.operations]
    rows = [["component", "fault", "by", "held", *names, "well again"]]
    rows += [
        [
            _who(cell),
            cell.fault,
            cell.method or "-",
            _held(cell),
            *[_word(cell, operation) for operation in matrix.operations],
            _again(cell),
        ]
        for cell in matrix.cells
    ]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    made = [
        "  " + "  ".join(word.ljust(w) for word, w in zip(row, widths, strict=True))
        for row in rows
    ]
    return [title, *(line.rstrip() for line in made), *_findings(matrix)]


def section(run_folder: Path) -> str:
    """The section of a run's report; empty where no matrix was made for the run."""
    path = run_folder / SPOF_FILE
    if not path.is_file():
        return ""
    parts = ["<h2>Single points of failure</h2>", paragraph(MEANING, "soft")]
    for matrix in read(path):
        parts.append(f"<h3>{text(matrix.target)}</h3>")
        if matrix.cells:
            parts.append(_html(matrix))
        parts.append(bullets([line.strip() for line in _findings(matrix)]))
    return "".join([*parts, paragraph(RULE, "soft")])


def _html(matrix: Matrix) -> str:
    names = [operation.replace("_", " ") for operation in matrix.operations]
    header = ["component", "fault", "by", "held", *names, "well again"]
    rows: list[list[HtmlCell | str]] = []
    for cell in matrix.cells:
        row: list[HtmlCell | str] = [
            _who(cell),
            cell.fault,
            cell.method or "not run",
            HtmlCell(_held(cell), cell.ended_s - cell.begun_s),
        ]
        for operation in matrix.operations:
            verdict = cell.operations.get(operation)
            tone = "" if verdict is None else TONES[verdict.word]
            row.append(HtmlCell(_word(cell, operation), None, tone))
        again = cell.well_again_s
        row.append(HtmlCell(_again(cell), 1e9 if again is None else again))
        rows.append(row)
    return table(header, rows)


def _who(cell: Cell) -> str:
    return f"{cell.component} ({cell.office})" if cell.office else cell.component


def _held(cell: Cell) -> str:
    return "-" if cell.not_run is not None else seconds(cell.ended_s - cell.begun_s)


def _again(cell: Cell) -> str:
    if cell.not_run is not None:
        return "-"
    if cell.well_again_s is None:
        return "not while watched"
    return seconds(round(cell.well_again_s, 1))


def _word(cell: Cell, operation: str) -> str:
    verdict = cell.operations.get(operation)
    if verdict is None:
        return "-"
    return verdict.word.value + _outage(verdict)


def _outage(verdict: OperationVerdict) -> str:
    shown = verdict.word is Word.DEGRADED and verdict.outage_s >= 0.1
    return f" ({verdict.outage_s:.1f} s)" if shown else ""


def _findings(matrix: Matrix) -> list[str]:
    """What the table says, in sentences with the figures."""
    run = [cell for cell in matrix.cells if cell.not_run is None]
    found = []
    if matrix.missing is not None:
        found.append(f"  not finished: {matrix.missing}")
    if not run:
        return [*found, "  no fault was run, so nothing is known"]
    single = matrix.single_points
    components = list(dict.fromkeys(cell.component for cell in run))
    if single:
        count = plural(len(single), "single point")
        found.append(
            f"  {count} of failure among {plural(len(components), 'component')}: "
            f"{listed(single)}"
        )
    else:
        found.append(
            f"  no single point of failure among {plural(len(components), 'component')}"
            " under these faults"
        )
    lost = sum(len(cell.lost) for cell in run)
    twice = sum(len(cell.duplicated) for cell in run)
    found.append(
        f"  {plural(len(run), 'fault')}: {plural(lost, 'acknowledged order')} lost, "
        f"{twice} there twice"
    )
    found += _not_run(matrix.cells)
    return found


def _not_run(cells: Sequence[Cell]) -> list[str]:
    reasons: dict[str, list[str]] = {}
    for cell in cells:
        if cell.not_run is not None:
            reasons.setdefault(cell.not_run, []).append(
                f"{cell.fault} of {cell.component}"
            )
    return [f"  not run: {listed(what)} ({why})" for why, what in reasons.items()]
