"""`python -m central_baseline.servers.agent FILE`: Patroni, mended in three places.

Rewinding: if the new primary dies while an old one's data is rewound from it, that data
is neither one's, and PostgreSQL's manual tells to throw it away. Patroni keeps it, and
starts a server from it that waits for ever, so that the node misses every later
election's primary. Here such data is made known as damaged; Patroni then removes it
(`remove_data_directory_on_rewind_failure`) and copies the next primary.

Electing: who has the longest log leads. But a primary that comes back has a longer one
than its successor's standbys (its recovery ends with a new segment), and lacks what
they acknowledged; if the successor dies before it has noted its timeline, Patroni
elects the old one, and those orders are lost. Here timelines are compared before
lengths.

Beginning: a new cluster is to be strict from the start, but Patroni writes "ANY None
(*)", which PostgreSQL refuses, so that until a standby is known orders are acknowledged
with one copy. Here it is "ANY 1 (*)": they wait.

All else is Patroni's own program. Source: patroni/postgresql/rewind.py (execute),
patroni/ha.py (_is_healthiest_node), PostgreSQL manual, pg_rewind ("Warning").
"""

import sys
import time
from pathlib import Path
from typing import Any

import patroni.postgresql.rewind  # before patroni.ha: they import each other
from patroni import __main__ as program
from patroni.ha import Ha
from patroni.postgresql.sync import SyncHandler

Rewind = patroni.postgresql.rewind.Rewind
CLOCK_S = 0.05  # by which a file's time may lie before the clock's

_REWIND = Rewind.pg_rewind
_STATUSES = Ha.fetch_nodes_statuses
_NAME = SyncHandler.set_synchronous_standby_names
LEADING = {"primary", "promoted"}
BEHIND, AHEAD = 1, 2**63  # of every position there is; 0 would mean not running


def rewind(patronis: Any, connection: Any) -> bool:
    """In place of Patroni's own: what is left half rewound loses its control file, by
    which Patroni sees that it is damaged."""
    began_s = time.time() - CLOCK_S
    if _REWIND(patronis, connection):
        return True
    data = Path(patronis._postgresql.data_dir)
    if has_changed(data, began_s):
        (data / "global" / "pg_control").unlink(missing_ok=True)
    return False


def has_changed(folder: Path, since_s: float) -> bool:
    """Whether anything below the folder was written or removed since."""
    return any(
        path.lstat().st_ctime >= since_s for path in (folder, *folder.rglob("*"))
    )


def statuses(ha: Any, members: Any) -> list[Any]:
    """In place of Patroni's own: what the others say of themselves, their positions
    such that comparing them with one's own compares timelines first."""
    found = _STATUSES(ha, members)
    if str(ha.state_handler.role) in LEADING:
        return list(found)
    own = ha.state_handler.get_replica_timeline()
    return [compared(status, own) for status in found]


def compared(status: Any, own: int | None) -> Any:
    """The status of a standby, as seen from one on the timeline `own`."""
    if not (own and status.timeline and status.in_recovery and status.wal_position):
        return status
    if status.timeline == own:
        return status
    position = BEHIND if status.timeline < own else AHEAD
    return status._replace(wal_position=position)


def name_standbys(handler: Any, names: Any, count: int | None = None) -> Any:
    """In place of Patroni's own: whoever may be a copy, one of them must be."""
    return _NAME(handler, names, 1 if count is None and "*" in names else count)


def mend() -> None:
    """Patroni in this process is as said above from now on."""
    Rewind.pg_rewind = rewind
    Ha.fetch_nodes_statuses = statuses
    SyncHandler.set_synchronous_standby_names = name_standbys


if __name__ == "__main__":
    mend()
    sys.exit(program.main())
