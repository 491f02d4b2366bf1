"""Floods cost little and the flooder its connection; see `tests.node.network.flood`."""

from pathlib import Path

import pytest

from tests.node.network.attacks import FLOODS
from tests.node.network.flood import run

SECONDS = 6.0


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_floods_cost_the_honest_little_and_the_flooder_its_connection(
    tmp_path: Path,
) -> None:
    rows = await run(tmp_path / "net", SECONDS, list(FLOODS))
    complaints = [complaint for row in rows for complaint in row.complaints()]
    assert complaints == [], [row.line() for row in rows]
