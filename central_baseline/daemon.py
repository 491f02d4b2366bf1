"""The life of one rung: claim the folder, start, tell the world, obey, stop.

The same in the foreground and as the daemon that `up` leaves behind. Whatever ends it,
Ctrl-C, SIGTERM, `down` or a failed start, every server is stopped before it returns.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from central_baseline.composition.compose import compose
from central_baseline.config import Layout, Settings
from central_baseline.errors import CentralError
from central_baseline.supervisor.control import ControlServer
from central_baseline.supervisor.descriptor import descriptor, write_document
from central_baseline.supervisor.meter import Meter
from central_baseline.supervisor.plan import Plan
from central_baseline.supervisor.processes import Processes
from central_baseline.supervisor.supervisor import Supervisor
from central_baseline.supervisor.sweep import sweep

OnReady = Callable[[Plan], None]


async def run_rung(settings: Settings, on_ready: OnReady) -> list[str]:
    """Run until told to stop; returns the names of what was stopped."""
    layout = Layout(settings.folder)
    layout.claim(settings.rung)
    lock = layout.lock()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    meter = Meter(str(layout.folder))
    try:
        sweep(layout.folder)
        with Processes(meter.on_death) as processes:
            plan = compose(settings, layout)
            supervisor = Supervisor(plan, processes, meter)
            control = ControlServer(layout.control, supervisor.handle)
            await control.open()
            try:
                started = await _until_started(supervisor, stop)
                if started:
                    _publish(plan, layout)
                    on_ready(plan)
                    await _first(stop.wait(), supervisor.stopped.wait())
            finally:
                stopped = await supervisor.stop()
                await control.close()
            return stopped
    finally:
        lock.close()


async def _until_started(supervisor: Supervisor, stop: asyncio.Event) -> bool:
    """True when all is up, False when told to stop before; errors of starting rise."""
    starting = asyncio.ensure_future(supervisor.start())
    await _first(asyncio.shield(starting), stop.wait())
    if starting.done():
        starting.result()
        return not stop.is_set()
    starting.cancel()
    return False


async def _first(*works: Awaitable[object]) -> None:
    """Wait for the first of several, give up the others."""
    tasks = [asyncio.ensure_future(work) for work in works]
    _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()


def _publish(plan: Plan, layout: Layout) -> None:
    write_document(layout.descriptor, descriptor(plan, layout.control))
    write_document(layout.admin, dict(plan.admin), 0o600)


def main(settings_file: Path, report_to: int) -> int:
    """The daemon: reports one JSON line to the file `report_to`, then lives on."""

    def report(document: dict[str, object]) -> None:
        os.write(report_to, json.dumps(document).encode() + b"\n")
        os.close(report_to)

    def on_ready(plan: Plan) -> None:
        report({"urls": [endpoint.url for endpoint in plan.endpoints]})

    try:
        asyncio.run(run_rung(Settings.load(settings_file), on_ready))
    except (CentralError, OSError) as error:
        code = getattr(error, "exit_code", 4)
        report({"error": str(error), "exit_code": code})
        return int(code)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
