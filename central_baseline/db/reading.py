"""Reads on replicas: never older than a bound, and never older than one's own writes.

The promise: a read answered by a replica is at most `STALE_S` behind the primary. Twice
a second the primary's position in its log is noted, and a replica stays in rotation
only while it is seen to have replayed the position noted one round before. Whoever
wrote within the last `STALE_S` reads from the primary. A replica that fails or stalls
is passed over. While no primary answers (an election), replicas go on answering for at
most `ELECTION_S`, those that have replayed the most of all that followed it: what was
acknowledged in its last moments is on one of them.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Protocol

from central_baseline.db.database import Database, Row
from central_baseline.db.outcomes import DatabaseUnavailable, Overloaded

STALE_S = 3.0
ROUND_S = 0.5
FRESH_S = 1.0  # how long one good look at a replica counts
LOOK_S = 0.5  # a replica that takes longer to say where it is, is out
ELECTION_S = 30.0
REPLICA_PATIENCE_S = 1.0
MAX_WRITERS = 50_000
NOBODY = 0  # an account number for reads without a session

_PRIMARY_POSITION = "SELECT pg_current_wal_lsn() AS position"
_REPLICA_POSITION = """
SELECT pg_is_in_recovery() AS standby, pg_last_wal_replay_lsn() AS position
"""


class Readable(Protocol):
    """Something that answers reads."""

    async def read(self, sql: str, *values: Any) -> list[Row]:
        """Rows of a statement that changes nothing."""

    async def read_row(self, sql: str, *values: Any) -> Row | None:
        """The first row, None without one."""


class Either:
    """One database, and another one when that fails."""

    def __init__(self, first: Database, second: Database) -> None:
        self.first = first
        self.second = second

    async def read(self, sql: str, *values: Any) -> list[Row]:
        try:
            return await self.first.read(sql, *values)
        except (DatabaseUnavailable, Overloaded):
            return await self.second.read(sql, *values)

    async def read_row(self, sql: str, *values: Any) -> Row | None:
        rows = await self.read(sql, *values)
        return rows[0] if rows else None


class Reads:
    """Decides where each read goes. Without replicas: always the primary."""

    def __init__(self, primary: Database, replicas: Sequence[Database] = ()) -> None:
        self._primary = primary
        self._replicas = list(replicas)
        self._fresh_until = [0.0] * len(self._replicas)
        self._noted: int | None = None  # the primary's position one round ago
        self._noted_at = 0.0
        self._followed = [False] * len(self._replicas)  # when it was noted
        self._turn = 0
        self._writers: OrderedDict[int, float] = OrderedDict()

    @property
    def has_replicas(self) -> bool:
        return bool(self._replicas)

    @property
    def primary(self) -> Database:
        """Where to read what must be the newest."""
        return self._primary

    async def close(self) -> None:
        for database in (*self._replicas, self._primary):
            await database.close()

    def wrote(self, account_id: int) -> None:
        """This account's next reads must see what it has just written."""
        self._writers[account_id] = time.monotonic()
        self._writers.move_to_end(account_id)
        while len(self._writers) > MAX_WRITERS:
            self._writers.popitem(last=False)

    def reader(self, account_id: int, written_ago_s: float | None = None) -> Readable:
        """Where a read of this account goes; `written_ago_s` is what the client says
        of its last write, which another server may have taken."""
        now = time.monotonic()
        ago_s = now - self._writers.get(account_id, -STALE_S)
        if written_ago_s is not None:
            ago_s = min(ago_s, written_ago_s)
        fresh = self._in_rotation(now)
        if not fresh or ago_s < STALE_S:
            return self._primary
        # Always the same replica for an account, as long as it is in rotation: what a
        # shopper has seen does not disappear again.
        self._turn += 1
        chosen = account_id if account_id != NOBODY else self._turn
        return Either(fresh[chosen % len(fresh)], self._primary)

    def newest(self) -> Readable:
        """The primary; while it does not answer, a replica in rotation."""
        fresh = self._in_rotation(time.monotonic())
        if not fresh:
            return self._primary
        self._turn += 1
        return Either(self._primary, fresh[self._turn % len(fresh)])

    def _in_rotation(self, now: float) -> list[Database]:
        return [
            replica
            for replica, until in zip(self._replicas, self._fresh_until, strict=True)
            if now < until
        ]

    async def watch(self) -> None:
        """Look at primary and replicas for ever."""
        while self._replicas:
            began = time.monotonic()
            await self.look()
            await asyncio.sleep(max(0.0, ROUND_S - (time.monotonic() - began)))

    async def look(self) -> None:
        """One round: who has replayed what was noted one round before."""
        wanted = self._noted
        primary, *seen = await asyncio.gather(
            self._position(self._primary, _PRIMARY_POSITION),
            *(self._position(r, _REPLICA_POSITION) for r in self._replicas),
        )
        now = time.monotonic()
        standbys = [row is not None and bool(row["standby"]) for row in seen]
        if primary is not None:
            self._noted, self._noted_at = primary["position"], now
            self._followed = standbys
        elif now - self._noted_at > ELECTION_S:
            wanted = self._noted = None
        else:
            # Not the old primary come back: its log may end otherwise than theirs.
            standbys = [a and b for a, b in zip(standbys, self._followed, strict=True)]
        replayed = [
            row["position"] if standby and row is not None else None
            for standby, row in zip(standbys, seen, strict=True)
        ]
        if primary is None and wanted is not None:
            wanted = max([wanted, *(at for at in replayed if at is not None)])
        for number, at in enumerate(replayed):
            good = at is not None and wanted is not None and at >= wanted
            self._fresh_until[number] = now + FRESH_S if good else 0.0

    async def _position(self, database: Database, sql: str) -> Row | None:
        try:
            async with asyncio.timeout(LOOK_S):
                return await database.read_row(sql)
        except (DatabaseUnavailable, Overloaded, TimeoutError):
            return None
