"""One process of the web tier."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from central_baseline.servers.probes import http_status
from central_baseline.supervisor.processes import Command
from central_baseline.supervisor.server import RunJob
from central_baseline.web.settings import WebSettings, save_settings

Hook = Callable[[], Awaitable[None]]


class WebServer:
    """The shop's web application, ready when its health route says so."""

    stop_signal = signal.SIGTERM

    def __init__(
        self,
        settings: WebSettings,
        folder: Path,
        log: Path,
        name: str = "web",
        cores: frozenset[int] | None = None,
        joined: Hook | None = None,
    ) -> None:
        """`joined` is called each time it has come up, such as to enter a balancer."""
        self.name = name
        self.settings = settings
        self._file = folder / f"{settings.name}-{name}.json"
        self._log = log
        self._cores = cores
        self._joined = joined

    @property
    def address(self) -> str:
        return f"{self.settings.host}:{self.settings.port}"

    async def prepare(self, run: RunJob) -> None:
        """Write the settings file."""
        await asyncio.to_thread(save_settings, self._file, self.settings)

    def command(self) -> Command:
        argv = (sys.executable, "-m", "central_baseline.web", str(self._file))
        return Command(argv, cores=self._cores, log=self._log)

    async def is_ready(self) -> bool:
        """It serves. Whether the database answers is not its to be restarted for."""
        # The private address is this process's own even where workers share a port.
        settings = self.settings
        status = await http_status(settings.admin_host, settings.admin_port, "/health")
        return status == 200

    async def after_ready(self) -> None:
        if self._joined is not None:
            await self._joined()
