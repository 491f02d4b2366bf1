"""`python -m central_baseline.manifests.database FILE`: a PostgreSQL in a container.

Initialises the data directory when there is none, writes the configuration that the
rung's definitions give, then becomes PostgreSQL itself, so that signals reach it.

FILE: {"folder", "listen", "port", "size": {...}, "passwords": {...}}
"""

import asyncio
import json
import os
import sys
from pathlib import Path

from central_baseline.servers.postgres import (
    Passwords,
    PostgresPlace,
    PostgresServer,
    PostgresSize,
)
from central_baseline.supervisor.processes import Command, Processes


def server_from(path: Path) -> PostgresServer:
    """The server that the file describes."""
    known = json.loads(path.read_text())
    place = PostgresPlace(
        Path(known["folder"]),
        Path("/dev/stdout"),
        known["listen"],
        known["port"],
        clients="all",
    )
    size = PostgresSize(**known["size"])
    return PostgresServer(place, Passwords(**known["passwords"]), size)


async def prepare(server: PostgresServer) -> Command:
    """What to execute, everything being in place."""
    with Processes() as processes:
        await server.prepare(processes.run)
    return server.command()


def main(path: Path) -> None:
    command = asyncio.run(prepare(server_from(path)))
    argv = [*command.account.prefix, *command.argv]
    os.execvpe(argv[0], argv, {**os.environ, **command.env})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
