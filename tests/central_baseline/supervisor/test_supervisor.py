"""Restart policy and the control socket, over a plan of tiny real processes."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from central_baseline.errors import CentralError
from central_baseline.supervisor.component import Component
from central_baseline.supervisor.control import MAX_LINE, ControlServer, ask
from central_baseline.supervisor.meter import Meter
from central_baseline.supervisor.plan import Plan
from central_baseline.supervisor.processes import Processes
from central_baseline.supervisor.supervisor import Supervisor
from tests.central_baseline.supervisor.plain import DIE, SLEEP, PlainServer


@pytest.fixture
async def control(
    processes: Processes, meter: Meter, tmp_path: Path
) -> AsyncIterator[Path]:
    """The socket of a supervisor with the components a and b."""
    stages = [
        [Component(name, "web", [PlainServer(SLEEP, tmp_path / name)])] for name in "ab"
    ]
    plan = Plan("test", [stages], [], [], "none", {})
    supervisor = Supervisor(plan, processes, meter)
    socket = tmp_path / "control.sock"
    server = ControlServer(socket, supervisor.handle)
    await server.open()
    await supervisor.start()
    yield socket
    await supervisor.stop()
    await server.close()


async def entry(control: Path, name: str) -> dict[str, Any]:
    listing = await ask(control, "list")
    return next(e for e in listing["components"] if e["name"] == name)


async def until(control: Path, name: str, state: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        found = await entry(control, name)
        while found["state"] != state:
            await asyncio.sleep(0.02)
            found = await entry(control, name)
        return found


async def test_list_has_every_field_of_the_seam(control: Path) -> None:
    listed = await entry(control, "a")
    assert set(listed) == {
        "name",
        "role",
        "state",
        "pid",
        "restarts",
        "cpu_seconds",
        "rss_bytes",
        "read_bytes",
        "write_bytes",
        "exit",
        "uptime_s",
    }
    assert (listed["state"], listed["exit"], listed["restarts"]) == ("running", None, 0)


async def test_the_dead_are_restarted_by_their_own_policy(control: Path) -> None:
    before = await entry(control, "a")
    await ask(control, "kill", component="a", restart_after_s=None)
    assert (await entry(control, "a"))["state"] == "dead"
    after = await until(control, "a", "running")
    assert (after["restarts"], after["exit"]) == (1, "signal 9")
    assert after["pid"] != before["pid"]
    assert (await entry(control, "b"))["restarts"] == 0


async def test_who_is_told_to_stay_down_waits_for_restart(control: Path) -> None:
    await ask(control, "kill", component="a", restart_after_s=-1)
    await ask(control, "kill", component="b", restart_after_s=0)
    await until(control, "b", "running")
    assert (await entry(control, "a"))["state"] == "dead"
    await ask(control, "restart", component="a")
    assert (await entry(control, "a"))["state"] == "running"


async def test_pause_and_resume_are_seen_in_the_state(control: Path) -> None:
    await ask(control, "pause", component="a")
    assert (await entry(control, "a"))["state"] == "paused"
    await ask(control, "resume", component="a")
    assert (await entry(control, "a"))["state"] == "running"


async def test_a_paused_component_can_be_killed(control: Path) -> None:
    await ask(control, "pause", component="a")
    await ask(control, "kill", component="a", restart_after_s=0)
    await until(control, "a", "running")


@pytest.mark.parametrize(
    ("op", "fields", "error"),
    [
        ("kill", {"component": "zz"}, "there are a, b"),
        ("explode", {}, "there are list"),
        ("kill", {"component": "a", "restart_after_s": "soon"}, "restart_after_s"),
        ("scale", {"role": "web", "count": 2}, "cannot scale"),
    ],
)
async def test_what_cannot_be_done_is_said(
    control: Path, op: str, fields: dict[str, Any], error: str
) -> None:
    with pytest.raises(CentralError, match=error):
        await ask(control, op, **fields)


async def test_malformed_lines_get_an_answer_and_hurt_nobody(control: Path) -> None:
    reader, writer = await asyncio.open_unix_connection(str(control))
    for line in (b"{not json}\n", b"[1]\n", b'"list"\n'):
        writer.write(line)
        assert json.loads(await reader.readline())["ok"] is False
    writer.write(b"x" * (MAX_LINE + 2) + b"\n")
    assert await reader.readline() == b""  # hung up
    writer.close()
    assert (await entry(control, "a"))["state"] == "running"


async def test_a_lane_that_fails_ends_the_start_of_the_others(
    processes: Processes, meter: Meter, tmp_path: Path
) -> None:
    """One never becomes ready and would be waited for; the other dies at once."""
    never = PlainServer(SLEEP, tmp_path / "slow", ready=False)
    lanes = [
        [[Component("slow", "web", [never])]],
        [[Component("bad", "web", [PlainServer(DIE, tmp_path / "bad", ready=False)])]],
    ]
    supervisor = Supervisor(Plan("test", lanes, [], [], "none", {}), processes, meter)
    with pytest.raises(CentralError, match="code 3"):
        await supervisor.start()
    await supervisor.stop()
    assert meter.tree("slow") == meter.tree("bad") == []


async def test_up_means_that_it_serves(
    processes: Processes, meter: Meter, tmp_path: Path
) -> None:
    asked = []

    async def is_serving() -> bool:
        asked.append(supervisor.components["a"].state)
        return len(asked) == 3

    one = Component("a", "web", [PlainServer(SLEEP, tmp_path / "a")])
    plan = Plan("test", [[[one]]], [], [], "none", {}, is_serving=is_serving)
    supervisor = Supervisor(plan, processes, meter)
    await supervisor.start()
    assert asked == ["running"] * 3
    await supervisor.stop()


async def test_shutdown_names_what_it_stopped(control: Path) -> None:
    assert (await ask(control, "shutdown"))["stopped"] == ["b", "a"]
