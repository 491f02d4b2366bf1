"""`python -m central_baseline.manifests.setup FILE`: the shop's database, made ready.

Waits for a server that takes writes (whichever node of a cluster that is), then makes
the roles, the database and the schema; what is there already stays. It is how an
existing PostgreSQL becomes the shop's too.

FILE: {"dsn": a superuser's, "passwords": {"superuser", "shop", "auditor"}}
"""

import asyncio
import json
import sys
from pathlib import Path

import asyncpg

from central_baseline.composition.existing import make_ready
from central_baseline.errors import CentralError
from central_baseline.servers.postgres import Passwords


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
