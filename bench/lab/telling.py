"""How a lesson is told: before, what was done, what was measured, the diagram, and
questions; and which files it leaves behind."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.lab.chainlog import Heard, steps_of
from bench.lab.course import Course
from bench.lab.findings import Findings
from bench.lab.lessons import Lesson
from bench.lab.sequence import Step, as_mermaid, as_svg, as_text
from bench.lab.shoplog import lanes_of_shop, steps_of_shop
from bench.store.folder import write_json

WIDTH = 88


def before(lesson: Lesson) -> list[str]:
    """Title, and what is about to be seen."""
    lines = [f"LESSON {lesson.name}: {lesson.title}", ""]
    for paragraph in lesson.before:
        lines += [*textwrap.wrap(paragraph, WIDTH), ""]
    return lines


def after(
    lesson: Lesson,
    table: Sequence[str],
    sentences: Sequence[str],
    diagram: Sequence[str],
) -> list[str]:
    """What was measured, the diagram, questions."""
    lines = ["", "WHAT WAS MEASURED", ""]
    if table:
        lines += [*table, ""]
    for sentence in sentences:
        lines += textwrap.wrap(sentence, WIDTH, subsequent_indent="  ")
    lines += ["", "IN ORDER OF TIME (seconds; o sends, > and < receive, * within)", ""]
    lines += [*diagram, "", "QUESTIONS"]
    for number, question in enumerate(lesson.questions, 1):
        wrapped = textwrap.wrap(question.text, WIDTH - 3, subsequent_indent="   ")
        lines += ["", f"{number}. {wrapped[0]}", *wrapped[1:]]
        look = textwrap.wrap(f"Look: {question.look}", WIDTH - 3)
        lines += [f"   {line}" for line in look]
    return lines


def diagram_of(course: Course, found: Findings) -> tuple[list[str], list[Step]]:
    """(lanes, steps) of a lesson on real processes."""
    names = [component.name for component in course.descriptor.components]
    if course.descriptor.world == "chain":
        heights = drawn_heights(course, found)
        return names, steps_of(course.heard, heights)
    entrance = course.descriptor.endpoints[0].component
    spans = [(played.begun_s, played.ended_s) for played in course.played]
    steps = steps_of_shop(course.happened, course.records, spans, entrance)
    return lanes_of_shop(names, entrance), steps


def drawn_heights(course: Course, found: Findings) -> list[int]:
    """Two heights are enough to see it: the last that became final in peace, and the
    first after the first fault that needed a change of round (else the first)."""
    begun_s = course.played[0].begun_s
    peaceful = [h for h, f in found.finals.items() if f.at_s < begun_s]
    later = {h: f for h, f in found.finals.items() if f.at_s >= begun_s}
    changed = [h for h, f in later.items() if f.round > 0]
    drawn = [max(peaceful)] if peaceful else []
    if changed or later:
        drawn.append(min(changed or later))
    return drawn


def messages_by_kind(heard: Sequence[Heard]) -> dict[str, int]:
    """How many messages of each kind were heard."""
    counts: dict[str, int] = {}
    for item in heard:
        if item.peer is not None:
            counts[item.what] = counts.get(item.what, 0) + 1
    return dict(sorted(counts.items()))


def write_files(
    folder: Path, figures: dict[str, Any], lanes: Sequence[str], steps: Sequence[Step]
) -> list[str]:
    """Leave figures and the diagram in three forms; returns the text of it."""
    drawn = as_text(lanes, steps)
    write_json(folder / "figures.json", figures)
    (folder / "sequence.txt").write_text("\n".join(drawn) + "\n", encoding="utf-8")
    (folder / "sequence.mmd").write_text(as_mermaid(lanes, steps), encoding="utf-8")
    (folder / "sequence.svg").write_text(as_svg(lanes, steps), encoding="utf-8")
    return drawn
