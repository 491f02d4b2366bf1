"""A real but tiny server: a Python process that does as its script says."""

import asyncio
import signal
import sys
from pathlib import Path

from central_baseline.supervisor.processes import Command
from central_baseline.supervisor.server import RunJob

SLEEP = "import time\nwhile True: time.sleep(60)"
# A parent with a child in a session of its own, as PostgreSQL's backends are.
WITH_CHILD = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    while True: time.sleep(60)
while True: time.sleep(60)
"""
BURN = "while True: pass"
# Eight kilobytes here and there in a file of eight megabytes, as a database's log is
# written; a file named `written` beside it says that all is done.
REWRITE = """
import os, sys, time
log = os.open("segment", os.O_RDWR | os.O_CREAT)
os.write(log, bytes(8 << 20))
os.fsync(log)
for number in range(40):
    os.pwrite(log, b"x" * 8192, number * 65536)
    os.fdatasync(log)
open("written", "w").close()
while True: time.sleep(60)
"""
DIE = "import sys; print('no disk today'); sys.exit(3)"


class PlainServer:
    """Ready once its process runs (or never, for `ready=False`)."""

    stop_signal = signal.SIGTERM
    address = "nowhere"

    def __init__(self, script: str, log: Path, name: str = "plain", ready: bool = True):
        self.name = name
        self._script = script
        self._log = log
        self._ready = ready

    async def prepare(self, run: RunJob) -> None:
        await asyncio.sleep(0)

    def command(self) -> Command:
        argv = (sys.executable, "-c", self._script)
        return Command(argv, cwd=self._log.parent, log=self._log)

    async def is_ready(self) -> bool:
        await asyncio.sleep(0.1)
        return self._ready

    async def after_ready(self) -> None:
        await asyncio.sleep(0)
