"""Golden traces: readable scripts of the main scenarios (`pytest --rewrite` renews)."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.node.consensus.script import Script

TRACES = sorted((Path(__file__).parent / "traces").glob("*.txt"))


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.stem)
def test_the_trace_is_the_recorded_one(
    path: Path, golden: Callable[[str, str], None]
) -> None:
    golden(f"traces/{path.name}", Script().run(path.read_text()))


def test_there_are_traces() -> None:
    assert len(TRACES) >= 8
