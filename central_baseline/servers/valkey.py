"""The cache of a rung: Valkey in memory, on a Unix socket, keeping nothing.

It may die at any time: whoever uses it asks the database then.
"""

import signal
from pathlib import Path

from central_baseline.servers.binaries import VALKEY, find
from central_baseline.servers.ports import LOOPBACK
from central_baseline.shop.cache import Cache
from central_baseline.supervisor.accounts import server_account
from central_baseline.supervisor.processes import Command
from central_baseline.supervisor.server import RunJob

MEMORY = "32mb"


class ValkeyServer:
    """valkey-server with a bound on its memory and no disk."""

    name = "valkey"
    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path, log: Path) -> None:
        self._folder = folder
        self._log = log
        self._account = server_account(find(VALKEY))

    @property
    def socket(self) -> Path:
        return self._folder / "valkey.sock"

    @property
    def address(self) -> str:
        return str(self.socket)

    async def prepare(self, run: RunJob) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._account.own(self._folder)

    def command(self) -> Command:
        options = {
            "port": "0",
            "bind": LOOPBACK,
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "maxmemory": MEMORY,
            "maxmemory-policy": "allkeys-lru",
            "save": "",
            "appendonly": "no",
            "dir": str(self._folder),
        }
        argv = [str(find(VALKEY))]
        for name, value in options.items():
            argv += [f"--{name}", value]
        return Command(tuple(argv), account=self._account, log=self._log)

    async def is_ready(self) -> bool:
        cache = Cache(str(self.socket))
        try:
            return await cache.is_alive()
        finally:
            await cache.close()

    async def after_ready(self) -> None:
        """Nothing: it starts empty and fills itself."""
