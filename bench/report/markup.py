"""Small pieces of HTML. What comes from a run is escaped here and only here."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True, slots=True)
class Cell:
    """One table cell: its text, and the number to sort by if it is one."""

    text: str
    sort: float | None = None
    tone: str = ""


def text(value: str) -> str:
    """Escaped text."""
    return escape(value)


def paragraph(value: str, tone: str = "") -> str:
    """One paragraph."""
    return f"<p{_class(tone)}>{escape(value)}</p>"


def bullets(values: Sequence[str]) -> str:
    """A list; nothing for no values."""
    if not values:
        return ""
    return "<ul>" + "".join(f"<li>{escape(v)}</li>" for v in values) + "</ul>"


def badge(value: str, tone: str = "") -> str:
    """A small label."""
    return f'<span class="badge {tone}">{escape(value)}</span>'


def table(
    header: Sequence[str], rows: Sequence[Sequence[Cell | str]], sortable: bool = True
) -> str:
    """A table; columns whose first cell is a number are set right."""
    numeric = [
        isinstance(cell, Cell) and cell.sort is not None
        for cell in (rows[0] if rows else [])
    ] or [False] * len(header)
    head = "".join(
        f'<th scope="col"{_class("number" if is_number else "")}>{escape(name)}</th>'
        for name, is_number in zip(header, numeric, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            _cell(cell, is_number) for cell, is_number in zip(row, numeric, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    kind = ' class="sortable"' if sortable else ""
    return (
        f'<div class="wide"><table{kind}><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def details(summary: str, content: str) -> str:
    """Content that is folded away until asked for."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def _cell(cell: Cell | str, is_number: bool) -> str:
    if isinstance(cell, str):
        return f"<td{_class('number' if is_number else '')}>{escape(cell)}</td>"
    names = " ".join(n for n in ("number" if is_number else "", cell.tone) if n)
    sort = "" if cell.sort is None else f' data-sort="{cell.sort!r}"'
    return f"<td{_class(names)}{sort}>{escape(cell.text)}</td>"


def _class(names: str) -> str:
    return f' class="{names}"' if names else ""
