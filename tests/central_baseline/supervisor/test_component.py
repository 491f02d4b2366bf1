"""A component's servers live and die together."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from central_baseline.errors import StartError
from central_baseline.supervisor.component import Component, State
from central_baseline.supervisor.meter import Meter
from central_baseline.supervisor.processes import Processes
from tests.central_baseline.supervisor.plain import (
    BURN,
    DIE,
    REWRITE,
    SLEEP,
    WITH_CHILD,
    PlainServer,
)
from tests.central_baseline.waiting import until


def component(processes: Processes, meter: Meter, *servers: PlainServer) -> Component:
    made = Component("unit", "web", list(servers))
    made.attach(processes, meter)
    return made


def cpu_seconds(meter: Meter) -> float:
    return meter.usage("unit").cpu_seconds


async def test_kill_takes_the_whole_tree_sessions_or_not(
    processes: Processes, meter: Meter, tmp_path: Path
) -> None:
    unit = component(processes, meter, PlainServer(WITH_CHILD, tmp_path / "log"))
    await unit.start()
    await until(lambda: len(meter.tree("unit")) == 2)
    tree = [psutil.Process(pid) for pid in meter.tree("unit")]
    await unit.kill()
    assert not any(process.is_running() for process in tree)
    assert (unit.state, unit.exit) == (State.DEAD, "signal 9")


async def test_when_one_server_dies_the_others_follow(
    processes: Processes, meter: Meter, tmp_path: Path
) -> None:
    first = PlainServer(SLEEP, tmp_path / "first", "first")
    second = PlainServer(SLEEP, tmp_path / "second", "second")
    unit = component(processes, meter, first, second)
    await unit.start()
    tree = meter.tree("unit")
    os.kill(tree[-1], signal.SIGKILL)
    await until(lambda: unit.state is State.DEAD)
    assert not any(psutil.pid_exists(pid) for pid in tree)
    assert unit.exit == "signal 9"


async def test_a_server_that_cannot_start_is_told_with_its_log(
    processes: Processes, meter: Meter, tmp_path: Path
) -> None:
    server = PlainServer(DIE, tmp_path / "log", ready=False)
    unit = component(processes, meter, server)
    with pytest.raises(StartError, match=r"(?s)code 3.*no disk today"):
        await unit.start()
    assert unit.state is State.DEAD


async def test_a_paused_component_uses_no_cpu_until_it_is_resumed(
    processes: Processes, meter: Meter, tmp_path: Path
) -> None:
    unit = component(processes, meter, PlainServer(BURN, tmp_path / "log"))
    await unit.start()
    await unit.pause()
    process = psutil.Process(meter.tree("unit")[0])
    assert process.status() == psutil.STATUS_STOPPED
    before = process.cpu_times().user
    unit.resume()
    await until(lambda: process.cpu_times().user > before)
    await unit.stop()
    assert unit.state is State.STOPPED
    assert not process.is_running()


async def test_disk_bytes_are_no_more_than_were_written(
    processes: Processes, meter: Meter, tmp_path: Path
) -> None:
    """Some kernels count the whole of a large folio for each page that is synced."""
    unit = component(processes, meter, PlainServer(REWRITE, tmp_path / "log"))
    await unit.start()
    await until((tmp_path / "written").exists)
    meter.sample()
    few = 4096  # of whatever a process writes beside its files, to pipes for one
    assert meter.usage("unit").write_bytes <= (8 << 20) + 40 * 8192 + few
    await unit.stop()


async def test_the_cpu_of_the_dead_stays_on_the_bill(
    processes: Processes, meter: Meter, tmp_path: Path
) -> None:
    unit = component(processes, meter, PlainServer(BURN, tmp_path / "log"))
    await unit.start()
    await until(lambda: bool(meter.sample()) and cpu_seconds(meter) > 0.2)
    before = cpu_seconds(meter)
    await unit.kill()
    assert cpu_seconds(meter) >= before
    assert meter.usage("unit").rss_bytes == 0
