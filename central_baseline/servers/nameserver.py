"""The supervisor's side of a name server process."""

import json
import signal
import sys
from pathlib import Path

from central_baseline.dns.client import resolve
from central_baseline.dns.zone import ZoneSettings, settings_document
from central_baseline.supervisor.processes import Command
from central_baseline.supervisor.server import RunJob


class NameServer:
    """One authoritative server of the shop's name."""

    name = "dns"
    stop_signal = signal.SIGTERM

    def __init__(self, settings: ZoneSettings, file: Path, log: Path) -> None:
        self._settings = settings
        self._file = file
        self._log = log

    @property
    def address(self) -> str:
        return f"{self._settings.host}:{self._settings.port}"

    async def prepare(self, run: RunJob) -> None:
        self._file.write_text(json.dumps(settings_document(self._settings), indent=2))

    def command(self) -> Command:
        argv = (sys.executable, "-m", "central_baseline.dns", str(self._file))
        return Command(argv, log=self._log)

    async def is_ready(self) -> bool:
        """It answers for its name (even if every edge is down)."""
        settings = self._settings
        found = await resolve(settings.name, settings.host, settings.port)
        return found is not None

    async def after_ready(self) -> None:
        """Nothing."""
