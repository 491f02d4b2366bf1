"""Kills, pauses and partitions lose nothing; see `tests.node.network.chaos`."""

from pathlib import Path

import pytest

from tests.node.network.chaos import run

MINUTES = 2.0


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_kills_pauses_and_partitions_under_load_lose_nothing(
    tmp_path: Path,
) -> None:
    chaos = await run(tmp_path / "net", MINUTES)
    assert chaos.complaints == [], chaos.lines()
    assert set(chaos.recoveries) == {"killed", "paused", "in halves"}
