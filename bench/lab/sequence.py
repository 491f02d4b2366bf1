"""A sequence diagram: who told whom what, in order of time; as text, Mermaid and SVG.

The steps are facts from logs. A step without receivers is something that happened
inside one participant.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

LANE_WIDTH = 11
LABEL_WIDTH_MAX = 60
SVG_LANE, SVG_ROW, SVG_TOP, SVG_LEFT = 130, 26, 40, 90
STEPS_MAX = 60


@dataclass(frozen=True, slots=True)
class Step:
    """One step: seconds of the lesson, from whom, to whom, and what."""

    at_s: float
    source: str
    targets: tuple[str, ...]
    label: str


def as_text(lanes: Sequence[str], steps: Sequence[Step]) -> list[str]:
    """Lanes from left to right, time from top to bottom: `o` sends, `>` and `<`
    receive, `*` is something within a lane."""
    names = [name[: LANE_WIDTH - 1].ljust(LANE_WIDTH) for name in lanes]
    lines = [(" " * 10 + "".join(names)).rstrip()]
    for step in steps[:STEPS_MAX]:
        lines.append(f"{step.at_s:8.3f}  {_arrow(lanes, step)} {step.label}".rstrip())
    if len(steps) > STEPS_MAX:
        lines.append(f"{'':10}... and {len(steps) - STEPS_MAX} more, in the files")
    return lines


def _arrow(lanes: Sequence[str], step: Step) -> str:
    """One row of the text diagram."""
    at = {name: number * LANE_WIDTH for number, name in enumerate(lanes)}
    row = [" "] * (LANE_WIDTH * len(lanes))
    for column in at.values():
        row[column] = "|"
    home = at[step.source]
    ends = [at[name] for name in step.targets if name in at]
    if not ends:
        row[home] = "*"
        return "".join(row)
    for column in range(min([home, *ends]) + 1, max([home, *ends])):
        row[column] = "+" if row[column] == "|" else "-"
    for end in ends:
        row[end] = ">" if end > home else "<"
    row[home] = "o"
    return "".join(row)


def as_mermaid(lanes: Sequence[str], steps: Sequence[Step]) -> str:
    """The same as a Mermaid diagram, which many editors and web pages draw."""
    lines = ["sequenceDiagram"]
    lines += [f"    participant {_word(name)} as {name}" for name in lanes]
    for step in steps[:STEPS_MAX]:
        label = step.label.replace(";", ",").replace("#", "")
        note = f"{step.at_s:.3f} s {label}"
        if not step.targets:
            lines.append(f"    Note over {_word(step.source)}: {note}")
        for target in step.targets:
            lines.append(f"    {_word(step.source)}->>{_word(target)}: {note}")
    return "\n".join(lines) + "\n"


def as_svg(lanes: Sequence[str], steps: Sequence[Step]) -> str:
    """The same as a picture that stands alone, dark on light."""
    shown = steps[:STEPS_MAX]
    at = {name: SVG_LEFT + SVG_LANE // 2 + n * SVG_LANE for n, name in enumerate(lanes)}
    bottom = SVG_TOP + (len(shown) + 1) * SVG_ROW
    labels = SVG_LEFT + SVG_LANE * len(lanes)
    parts = [
        f'<line class="lane" x1="{x}" y1="{SVG_TOP}" x2="{x}" y2="{bottom}"/>'
        f'<text class="name" x="{x}" y="{SVG_TOP - 12}">{escape(name)}</text>'
        for name, x in at.items()
    ]
    for row, step in enumerate(shown, 1):
        y = SVG_TOP + row * SVG_ROW
        parts.append(f'<text class="time" x="8" y="{y + 4}">{step.at_s:.3f} s</text>')
        parts.append(
            f'<text class="what" x="{labels}" y="{y + 4}">{escape(step.label)}</text>'
        )
        home = at[step.source]
        parts.append(f'<circle cx="{home}" cy="{y}" r="3"/>')
        parts += [
            f'<line class="arrow" x1="{home}" y1="{y}" x2="{at[target]}" y2="{y}"/>'
            for target in step.targets
            if target in at
        ]
    width = labels + LABEL_WIDTH_MAX * 7
    body = _SVG_STYLE + "".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{bottom}" '
        f'viewBox="0 0 {width} {bottom}" role="img">{body}</svg>\n'
    )


def _word(name: str) -> str:
    """A name that Mermaid takes as an identifier."""
    return "".join(c if c.isalnum() else "_" for c in name)


_SVG_STYLE = (
    "<style>svg{background:#fff;font:12px system-ui,sans-serif;fill:#222}"
    ".name{text-anchor:middle;font-weight:600}.time{fill:#666}"
    ".lane{stroke:#bbb;stroke-dasharray:3 3}"
    ".arrow{stroke:#1f5fa8;stroke-width:1.5;marker-end:url(#end)}"
    "circle{fill:#1f5fa8}</style>"
    '<defs><marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
    'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#1f5fa8"/>'
    "</marker></defs>"
)
