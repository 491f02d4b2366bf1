"""Which database a read goes to, decided on what was seen of each."""

import asyncio
from typing import Any

import pytest

from central_baseline.db import reading
from central_baseline.db.database import Database
from central_baseline.db.outcomes import DatabaseUnavailable
from central_baseline.db.reading import STALE_S, Either, Reads


class Node(Database):
    """A database that answers from memory: a position in the log, or nothing."""

    def __init__(self, position: int | None, standby: bool = True) -> None:
        super().__init__("postgresql://nowhere", 1, "node")
        self.position = position
        self.standby = standby
        self.asked = 0

    async def read(self, sql: str, *values: Any) -> list[Any]:
        await asyncio.sleep(0)
        self.asked += 1
        if self.position is None:
            raise DatabaseUnavailable("down")
        return [{"position": self.position, "standby": self.standby}]


@pytest.fixture
def primary() -> Node:
    return Node(100, standby=False)


def chosen(reads: Reads, account: int) -> Database:
    """The replica that an account's reads go to."""
    found = reads.reader(account)
    assert isinstance(found, Either)
    return found.first


async def test_without_replicas_all_reads_go_to_the_primary(primary: Node) -> None:
    assert Reads(primary).reader(7) is primary


async def test_a_replica_serves_once_it_was_seen_to_follow(primary: Node) -> None:
    reads = Reads(primary, [Node(100)])
    assert reads.reader(7) is primary
    await reads.look()  # notes the primary's position
    assert reads.reader(7) is primary
    await reads.look()  # sees that the replica has it
    assert isinstance(reads.reader(7), Either)


async def test_a_replica_that_falls_behind_leaves_the_rotation(primary: Node) -> None:
    replica = Node(100)
    reads = Reads(primary, [replica])
    await reads.look()
    await reads.look()
    primary.position = 200
    await reads.look()  # 200 is noted; 100 was enough until here
    assert isinstance(reads.reader(7), Either)
    await reads.look()
    assert reads.reader(7) is primary


async def test_a_primary_among_the_replicas_is_none_of_them(primary: Node) -> None:
    reads = Reads(primary, [Node(100, standby=False)])
    await reads.look()
    await reads.look()
    assert reads.reader(7) is primary


async def test_whoever_wrote_reads_from_the_primary(primary: Node) -> None:
    reads = Reads(primary, [Node(100)])
    await reads.look()
    await reads.look()
    reads.wrote(7)
    assert reads.reader(7) is primary
    assert isinstance(reads.reader(8), Either)
    # What the client says of a write that another server took counts as well.
    assert reads.reader(8, written_ago_s=STALE_S / 2) is primary
    assert isinstance(reads.reader(8, written_ago_s=STALE_S * 2), Either)


async def test_what_was_seen_counts_for_a_moment_only(
    primary: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = Reads(primary, [Node(100)])
    monkeypatch.setattr(reading, "FRESH_S", 0.0)
    await reads.look()
    await reads.look()
    assert reads.reader(7) is primary


async def test_in_an_election_replicas_answer_for_a_while(
    primary: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = Reads(primary, [Node(100)])
    await reads.look()
    primary.position = None
    await reads.look()
    assert isinstance(reads.reader(7), Either)
    monkeypatch.setattr(reading, "ELECTION_S", 0.0)
    await reads.look()
    assert reads.reader(7) is primary


async def test_in_an_election_who_has_replayed_the_most_answers(primary: Node) -> None:
    """What was acknowledged just before the end may be on one replica alone."""
    behind, ahead, returned = Node(100), Node(100), Node(None)
    reads = Reads(primary, [behind, ahead, returned])
    await reads.look()
    await reads.look()
    primary.position = None
    ahead.position = 104
    # The dead primary itself, back as a standby: its log may end otherwise.
    returned.position = 190
    await reads.look()
    for account in range(4):
        assert chosen(reads, account) is ahead
    behind.position = 104
    await reads.look()
    assert {chosen(reads, account) for account in range(4)} == {behind, ahead}


async def test_a_replica_that_fails_is_passed_over(primary: Node) -> None:
    dead = Node(None)
    either = Either(dead, primary)
    assert (await either.read_row("SELECT 1")) is not None
    assert (dead.asked, primary.asked) == (1, 1)


async def test_the_newest_is_the_primary_s_and_in_an_election_a_replica_s(
    primary: Node,
) -> None:
    replica = Node(100)
    reads = Reads(primary, [replica])
    assert reads.newest() is primary
    await reads.look()
    await reads.look()
    before = replica.asked
    assert await reads.newest().read_row("SELECT 1") is not None
    assert replica.asked == before
    primary.position = None
    assert await reads.newest().read_row("SELECT 1") is not None
    assert replica.asked == before + 1


async def test_an_account_keeps_its_replica(primary: Node) -> None:
    reads = Reads(primary, [Node(100), Node(100)])
    await reads.look()
    await reads.look()
    assert len({chosen(reads, 7) for _ in range(5)}) == 1
