"""Rungs with real servers, shared by the tests that do not break them."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from central_baseline import commands
from central_baseline.config import Layout, Settings
from central_baseline.supervisor.sweep import leftovers
from tests.central_baseline.client import Client, UpRung, client_of

UP_TIMEOUT_S = 90


def up(folder: Path, rung: str, servers: int | None = None) -> UpRung:
    """Start a rung in the folder."""
    commands.up(Settings(rung, folder, servers=servers), UP_TIMEOUT_S)
    return UpRung(rung, folder)


@pytest.fixture(scope="session")
def database_rung(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpRung]:
    """The rung `database`; tests leave it as they found it, but for orders."""
    folder = tmp_path_factory.mktemp("database")
    yield up(folder, "database")
    commands.down(folder)


@pytest.fixture(scope="session")
def whole_rung(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpRung]:
    """The rung `cdn`, which has every part; tests bring back what they kill."""
    folder = tmp_path_factory.mktemp("cdn")
    yield up(folder, "cdn")
    commands.down(folder)
    assert leftovers(folder) == []
    assert not Layout(folder).control.exists()


@pytest.fixture
async def shop(database_rung: UpRung) -> AsyncIterator[Client]:
    """A client of the shared rung."""
    async with client_of(database_rung) as client:
        yield client
