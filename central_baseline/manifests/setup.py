"""`python -m central_baseline.manifests.setup FILE`: the shop's database, made ready.

Waits for a server that takes writes (whichever node of a cluster that is), then makes
the roles, the database and the schema; what is there already stays. It is how an
existing PostgreSQL becomes the shop's too.

FILE: {"dsn": a superuser's, "passwords": {"superuser", "shop", "auditor"}}
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from central_baseline.db.migrations import migrate
from central_baseline.errors import CentralError, StartError
from central_baseline.servers.postgres import DATABASE, Passwords, create_database

PATIENCE_S = 300.0
POLL_S = 0.5


async def make_ready(
    dsn: str, passwords: Passwords, patience_s: float = PATIENCE_S
) -> int:
    """Returns how many migrations were applied; StartError when no server came."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            await create_database(dsn, passwords)
            break
        except (
            OSError,
            TimeoutError,
            asyncpg.PostgresConnectionError,
            asyncpg.CannotConnectNowError,
            asyncpg.ReadOnlySQLTransactionError,
            asyncpg.TargetServerAttributeNotMatched,
        ) as error:
            if time.monotonic() > deadline:
                raise StartError(f"no database took writes: {error}") from error
        await asyncio.sleep(POLL_S)
    return await migrate(urlunsplit(urlsplit(dsn)._replace(path=f"/{DATABASE}")))


def main(path: Path) -> int:
    known = json.loads(path.read_text())
    try:
        applied = asyncio.run(make_ready(known["dsn"], Passwords(**known["passwords"])))
    except (CentralError, asyncpg.PostgresError) as error:
        print(f"setup: {error}", file=sys.stderr)
        return getattr(error, "exit_code", 1)
    print(f"the shop's database is ready ({applied} migrations applied)")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
