"""A full disk: the shop says no, and what it had acknowledged is still there."""

import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from central_baseline import commands
from central_baseline.config import Layout
from tests.central_baseline.client import Client, UpRung, client_of
from tests.central_baseline.conftest import up
from tests.central_baseline.load import Shoppers, assert_books_match
from tests.central_baseline.waiting import until

DISK_MB = 160


@pytest.fixture
def rung(tmp_path: Path) -> Iterator[UpRung]:
    """The rung `database`, its data on a small disk of its own."""
    folder = tmp_path / "rung"
    Layout(folder).claim("database")
    disk = folder / "database"
    disk.mkdir()
    options = f"size={DISK_MB}m,mode=777"
    words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)]
    made = subprocess.run(words, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {made.stderr.strip()}")
    try:
        yield up(folder, "database")
    finally:
        commands.down(folder)
        subprocess.run(["umount", str(disk)], check=True)


@pytest.fixture
async def client(rung: UpRung) -> AsyncIterator[Client]:
    async with client_of(rung) as found:
        yield found


def fill(disk: Path) -> Path:
    """Take all that is left."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(65536))
        except OSError:
            return ballast


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_a_full_disk_acknowledges_nothing_it_cannot_keep(client: Client) -> None:
    disk = client.rung.folder / "database"
    tokens = await client.provision(4)
    async with Shoppers(client, tokens) as shoppers:
        statuses = shoppers.history.statuses
        await shoppers.until_acknowledged(20)
        ballast = fill(disk)
        # Room that PostgreSQL had already taken is used up first.
        await until(lambda: statuses["503"] >= 20)
        assert shutil.disk_usage(disk).free < 2**20
        ballast.unlink()
        await shoppers.until_acknowledged(20)
    await assert_books_match(client, shoppers.history)
