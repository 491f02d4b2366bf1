"""Starting, reaping, and leaving nobody behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from central_baseline.errors import StartError
from central_baseline.supervisor.processes import (
    Command,
    Processes,
    describe_exit,
)
from tests.central_baseline.waiting import until


def script(text: str) -> Command:
    return Command((sys.executable, "-c", text))


async def test_a_job_returns_what_it_printed(processes: Processes) -> None:
    assert await processes.run(script("print('wax')")) == "wax\n"


async def test_a_job_that_fails_says_how_and_what_it_printed(
    processes: Processes,
) -> None:
    with pytest.raises(StartError, match=r"code 4.*the wick broke"):
        await processes.run(script("print('the wick broke'); raise SystemExit(4)"))


async def test_a_job_that_hangs_is_killed(processes: Processes) -> None:
    with pytest.raises(StartError, match="signal 9"):
        await processes.run(script("import time; time.sleep(60)"), timeout_s=0.3)


async def test_an_exit_is_described_as_the_control_socket_does(
    processes: Processes,
) -> None:
    child = processes.start(script("import time; time.sleep(60)"))
    os.kill(child.pid, signal.SIGKILL)
    assert describe_exit(await child.exited) == "signal 9"


async def test_orphans_are_adopted_and_reaped(processes: Processes) -> None:
    # The middle process dies at once; its child follows and must not stay a zombie.
    orphan = int(
        await processes.run(
            script(
                "import os, time\n"
                "pid = os.fork()\n"
                "if pid == 0:\n"
                "    os.close(1); time.sleep(0.2); os._exit(0)\n"
                "print(pid, flush=True)"
            )
        )
    )
    await until(lambda: not psutil.pid_exists(orphan))


def test_children_die_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import asyncio, sys\n"
            "from central_baseline.supervisor.processes import Command, Processes\n"
            "async def main():\n"
            "    with Processes() as p:\n"
            "        argv = (sys.executable, '-c', 'import time; time.sleep(60)')\n"
            "        print(p.start(Command(argv)).pid, flush=True)\n"
            "        await asyncio.sleep(60)\n"
            "asyncio.run(main())",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        parent.wait()
        _, alive = psutil.wait_procs([child], timeout=10)
        assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []
