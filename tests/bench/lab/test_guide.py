"""docs/lab.md is true: its commands exist, and the one in the simulator is run."""

import re
import subprocess
from pathlib import Path

from bench.lab.lessons import LESSONS
from bench.targets.process import console_command

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "lab.md"
COMMAND = re.compile(r"^    chandlery (lab.*?)(?:  +#.*)?$", re.MULTILINE)


def commands() -> list[list[str]]:
    return [line.split() for line in COMMAND.findall(GUIDE.read_text())]


def test_the_guide_names_every_lesson_and_no_other() -> None:
    named = {words[1] for words in commands() if len(words) > 1}
    assert named == {lesson.name for lesson in LESSONS}


def test_its_first_two_commands_do_what_it_says(tmp_path: Path) -> None:
    listing, lesson = commands()[:2]
    for words in (listing, lesson):
        done = subprocess.run(
            [*console_command(), *words],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "runs").iterdir()
    left = {path.name for path in folder.iterdir()}
    promised = set(re.findall(r"^        (\w+\.\w+) ", GUIDE.read_text(), re.MULTILINE))
    assert {"figures.json", "sequence.txt", "simulation.jsonl"} <= left & promised
