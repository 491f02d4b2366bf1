"""What the supervisor asks of every kind of server.

A server is one process (with whatever children it makes). The supervisor calls, in this
order and again at every restart: `prepare` (idempotent: data directory, configuration),
`command` (what to execute), `is_ready` until it says yes, `after_ready` (idempotent:
roles, migrations, joining a balancer).
"""

import signal
from collections.abc import Awaitable, Callable
from typing import Protocol

from central_baseline.supervisor.processes import Command

RunJob = Callable[[Command], Awaitable[str]]


class Server(Protocol):
    """One process that the supervisor keeps running."""

    @property
    def name(self) -> str:
        """Short name within its component: postgres, web, haproxy."""

    @property
    def stop_signal(self) -> signal.Signals:
        """The signal that asks for an orderly end."""

    @property
    def address(self) -> str:
        """host:port that others reach it at, for the operator's eyes."""

    async def prepare(self, run: RunJob) -> None:
        """Make what the process needs on disk; does nothing when it is there."""

    def command(self) -> Command:
        """The command to execute now."""

    async def is_ready(self) -> bool:
        """Whether it does its work, not merely runs."""

    async def after_ready(self) -> None:
        """What is to be done each time it has come up."""
