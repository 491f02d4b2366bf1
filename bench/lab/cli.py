"""`chandlery lab [LESSON]`: short lessons that break the shop and explain what is seen.

Exit codes: 0 the lesson was given and what must never happen did not; 1 an acknowledged
order was lost or altered, or the chain forked; 2 no such lesson; 5 it could not be run.
"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError, Exit

if TYPE_CHECKING:
    from bench.lab.lessons import Lesson


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `chandlery lab`."""
    parser.description = "Short lessons for a class: break a shop, see and explain it."
    parser.add_argument("lesson", nargs="?", help="its name (none: list all)")
    parser.add_argument("--out", default="runs", help="folder for its files (runs)")
    parser.add_argument("--json", action="store_true", help="print figures, not words")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List the lessons, or give one."""
    from bench.lab.lessons import LESSONS
    from bench.store.folder import folder_for

    if arguments.lesson is None:
        return _list(LESSONS, arguments.json)
    lesson = next((one for one in LESSONS if one.name == arguments.lesson), None)
    if lesson is None:
        names = ", ".join(one.name for one in LESSONS)
        raise BenchError(f"there is no lesson '{arguments.lesson}'; there are: {names}")
    folder = folder_for(f"lab-{lesson.name}", None, Path(arguments.out))
    give = _simulated if not lesson.target else _real
    return give(lesson, folder, bool(arguments.json))


def _list(lessons: "tuple[Lesson, ...]", as_json: bool) -> int:
    if as_json:
        print(json.dumps([_entry(lesson) for lesson in lessons], indent=1))
        return Exit.OK
    for lesson in lessons:
        where = f"on {lesson.target}" if lesson.target else "in the simulator"
        print(f"{lesson.name:<16} {lesson.title} ({where}, about {lesson.about_s} s)")
    print("\nGive one with: chandlery lab LESSON")
    return Exit.OK


def _entry(lesson: "Lesson") -> dict[str, Any]:
    return {
        "name": lesson.name,
        "title": lesson.title,
        "target": lesson.target or "simulator",
        "about_s": lesson.about_s,
        "questions": [question.text for question in lesson.questions],
    }


def _real(lesson: "Lesson", folder: Path, as_json: bool) -> int:
    """A lesson on real processes."""
    from bench.compare import run_loop
    from bench.lab import telling
    from bench.lab.course import run_course
    from bench.lab.findings import as_json as figures_json
    from bench.lab.findings import findings_of, sentences, table_of, went_well
    from bench.progress import Terminal

    if not as_json:
        print("\n".join(telling.before(lesson)), flush=True)
    terminal = Terminal()
    course = run_loop(run_course(lesson, folder, terminal.say))
    found = findings_of(course)
    figures = {"lesson": lesson.name, **figures_json(course, found)}
    if course.heard:
        figures["messages"] = telling.messages_by_kind(course.heard)
    lanes, steps = telling.diagram_of(course, found)
    drawn = telling.write_files(folder, figures, lanes, steps)
    if as_json:
        print(json.dumps({**figures, "files": str(folder.resolve())}, indent=1))
    else:
        table, said = table_of(course, found), sentences(course, found)
        print("\n".join(telling.after(lesson, table, said, drawn)))
        print(f"\nFiles (figures, diagram, every request): {folder.resolve()}")
    return Exit.OK if went_well(found) else Exit.CHECK_FAILED


def _simulated(lesson: "Lesson", folder: Path, as_json: bool) -> int:
    """The lesson that the simulator gives."""
    from bench.lab import liar, telling
    from bench.lab.chainlog import steps_of

    if not as_json:
        print("\n".join(telling.before(lesson)), flush=True)
    found = liar.run_liar(folder)
    height = liar.drawn_height(found)
    steps = steps_of(found.heard, [height])
    figures = {"lesson": lesson.name, **liar.liar_json(found)}
    drawn = telling.write_files(folder, figures, list(liar.NAMES), steps)
    if as_json:
        print(json.dumps({**figures, "files": str(folder.resolve())}, indent=1))
    else:
        said = liar.liar_sentences(found)
        print("\n".join(telling.after(lesson, [], said, drawn)))
        print(f"\nFiles (figures, diagram, event log): {folder.resolve()}")
    forked = any(len(final.digests) > 1 for final in found.heights.values())
    return Exit.OK if found.clean and not forked else Exit.CHECK_FAILED
