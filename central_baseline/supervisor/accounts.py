"""Under which account a server runs that refuses to be root.

The problem: PostgreSQL will not start as root, and a container's user often is root.
The promise: an ordinary user runs everything as himself. Root runs such servers in a
user namespace of its own (`unshare --map-user`), where they see themselves as nobody
but can still read below a closed home; where namespaces are forbidden they run as the
real account nobody, if that account can reach the programs. It creates no account and
opens no folder to others.
Source: user_namespaces(7); PostgreSQL's check in src/backend/main/main.c.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from central_baseline.errors import UsageError

NOBODY = 65534
PROBE_TIMEOUT_S = 10


@dataclass(frozen=True)
class Account:
    """How to become the server's account: a command in front, or ids to take on."""

    prefix: tuple[str, ...] = ()
    user: int | None = None
    group: int | None = None

    def own(self, path: Path) -> None:
        """Give a folder or file to the account, so that the server may write it."""
        if self.user is not None and self.group is not None:
            os.chown(path, self.user, self.group)


@cache
def server_account(program: Path) -> Account:
    """The account for a server that must not be root and runs `program`.

    UsageError when this machine has no safe way."""
    if os.geteuid() != 0:
        return Account()
    for candidate in (_namespace(), Account(user=NOBODY, group=NOBODY)):
        if candidate is not None and _can_run(candidate, program):
            return candidate
    raise UsageError(
        f"root cannot start {program.name} safely here: user namespaces are forbidden "
        f"and the account nobody cannot reach {program}; run as an ordinary user, or "
        "install where nobody may read"
    )


def _namespace() -> Account | None:
    unshare = shutil.which("unshare")
    if unshare is None:
        return None
    ids = (f"--map-user={NOBODY}", f"--map-group={NOBODY}")
    return Account(prefix=(unshare, "--user", *ids))


def _can_run(account: Account, program: Path) -> bool:
    try:
        probe = subprocess.run(
            [*account.prefix, "/bin/sh", "-c", 'test -r "$0" -a -x "$0"', program],
            user=account.user,
            group=account.group,
            extra_groups=[] if account.user is not None else None,
            capture_output=True,
            timeout=PROBE_TIMEOUT_S,
            check=False,
            cwd="/",
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0
