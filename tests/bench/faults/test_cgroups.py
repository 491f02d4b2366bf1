"""The kernel drops and counts the packets of one component and of no other."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.faults.cgroups import SETTING, Cgroups, unavailable
from bench.faults.kernel import Way

pytestmark = pytest.mark.skipif(
    unavailable() is not None, reason=f"not on this machine: {unavailable()}"
)
PATIENCE_S = 10.0
SILENCE_S = 0.4
ECHOES = 20
SERVER = """
import socket, sys
ECHOES = 20
with open(sys.argv[1], "w") as file:
    file.write("0")
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    connection, _ = server.accept()
    connection.sendall(connection.recv(100) * ECHOES)
    connection.close()
"""

TICKER = """
import socket, sys, time
with open(sys.argv[1], "w") as file:
    file.write("0")
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
connection, _ = server.accept()
while True:
    connection.sendall(b".")
    time.sleep(0.02)
"""


@asynccontextmanager
async def server(
    cgroups: Cgroups, name: str, program: str = SERVER
) -> AsyncIterator[int]:
    """An echo server in the cgroup of a component, as its supervisor would start it."""
    cgroup = Path(os.environ[SETTING], name)
    cgroup.mkdir()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        str(cgroup / "cgroup.procs"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline())
    finally:
        process.kill()
        await process.wait()


async def answers(port: int, data: bytes = b"hello") -> bool:
    """Whether an echo comes back before the silence is believed."""
    writer = None
    try:
        async with asyncio.timeout(SILENCE_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(data)
            return await reader.readexactly(len(data)) == data
    except TimeoutError:
        return False
    finally:
        if writer is not None:
            writer.close()


async def test_an_isolated_component_is_silent_and_its_neighbour_is_not() -> None:
    with Cgroups.claim() as cgroups:
        async with server(cgroups, "a") as a, server(cgroups, "b") as b:
            cgroups.isolate("a")
            assert not await answers(a)
            assert await answers(b)
            cgroups.heal()
            assert await answers(a)


@pytest.mark.parametrize("way", list(Way))
async def test_one_way_is_enough_to_stop_a_connection(way: Way) -> None:
    with Cgroups.claim() as cgroups:
        async with server(cgroups, "a") as a:
            cgroups.isolate("a", [way])
            assert not await answers(a)
            cgroups.heal()
            assert await answers(a)


async def test_a_cut_concerns_the_ports_named_alone() -> None:
    with Cgroups.claim() as cgroups:
        async with server(cgroups, "a") as a, server(cgroups, "b") as b:
            # The test process plays a third component that talks to both.
            third = Path(os.environ[SETTING], "c")
            third.mkdir()
            before = _own_cgroup()
            (third / "cgroup.procs").write_text(str(os.getpid()))
            try:
                cgroups.cut("c", [a, 9])
                assert not await answers(a)
                assert await answers(b)
                cgroups.heal()
                assert await answers(a)
            finally:
                before.write_text(str(os.getpid()))


async def test_a_cut_also_stops_what_the_other_side_sends_unasked() -> None:
    with Cgroups.claim() as cgroups:
        async with server(cgroups, "a", TICKER) as a:
            third = Path(os.environ[SETTING], "c")
            third.mkdir()
            before = _own_cgroup()
            (third / "cgroup.procs").write_text(str(os.getpid()))
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", a)
                async with asyncio.timeout(PATIENCE_S):
                    await reader.readexactly(1)
                cgroups.cut("c", [a])
                await _hears(reader)  # what was under way already
                assert not await _hears(reader)
                cgroups.heal()
                async with asyncio.timeout(PATIENCE_S):
                    await reader.readexactly(1)
                writer.close()
            finally:
                before.write_text(str(os.getpid()))


async def _hears(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(SILENCE_S):
            return bool(await reader.read(1000))
    except TimeoutError:
        return False


async def test_bytes_sent_are_counted_with_their_headers() -> None:
    with Cgroups.claim() as cgroups:
        async with server(cgroups, "a") as a, server(cgroups, "b"):
            cgroups.count(["a", "b"])
            assert await answers(a, b"x" * 100)
            sent = cgroups.sent_bytes()
            # The echoes, and a few packets of 40 to 60 bytes that carry nothing.
            assert 100 * ECHOES + 40 <= sent["a"] <= 100 * ECHOES + 8 * 60
            assert sent["b"] == 0


async def test_loss_of_everything_is_silence() -> None:
    with Cgroups.claim() as cgroups:
        async with server(cgroups, "a") as a:
            cgroups.lose("a", 0.0)
            assert await answers(a)
            cgroups.lose("a", 0.9999999)
            assert not await answers(a)


def test_nothing_is_left_behind() -> None:
    with Cgroups.claim():
        folder = Path(os.environ[SETTING])
        (folder / "a").mkdir()
    assert not folder.exists()
    assert SETTING not in os.environ


def test_a_component_without_a_cgroup_is_an_error_that_says_why() -> None:
    with Cgroups.claim() as cgroups, pytest.raises(BenchError, match=SETTING):
        cgroups.isolate("nobody")


def _own_cgroup() -> Path:
    """cgroup.procs of where this process lives now, in cgroup2."""
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    root = next(f[1] for line in mounts if (f := line.split())[2] == "cgroup2")
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    below = next(line[3:] for line in lines if line.startswith("0::"))
    return Path(root + below) / "cgroup.procs"
