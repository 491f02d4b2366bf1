"""The agent is Patroni, but it trusts no data that is half rewound, compares timelines
before lengths, and asks for a copy from the start."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from patroni.dcs import Member

from central_baseline.servers import agent

MemberStatus = sys.modules[agent.Ha.__module__]._MemberStatus
SEEN = """
from central_baseline.servers.agent import mend, name_standbys, rewind, statuses
mend()
from patroni.ha import Ha
from patroni.postgresql.rewind import Rewind
from patroni.postgresql.sync import SyncHandler
print(Ha.fetch_nodes_statuses is statuses)
print(Rewind.pg_rewind is rewind)
print(SyncHandler.set_synchronous_standby_names is name_standbys)
"""


def test_what_is_mended_takes_the_place_of_patroni_s_own() -> None:
    """In a process of its own: it changes Patroni for as long as that lives."""
    seen = subprocess.run(
        [sys.executable, "-c", SEEN], capture_output=True, text=True, check=True
    )
    assert seen.stdout.split() == ["True", "True", "True"]


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("began", [True, False])
def test_only_data_that_is_half_rewound_is_marked_as_damaged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, began: bool, ended: bool
) -> None:
    control = tmp_path / "global" / "pg_control"
    control.parent.mkdir()
    control.write_bytes(b"control")
    segment = tmp_path / "segment"
    segment.write_bytes(b"log")
    monkeypatch.setattr(agent, "CLOCK_S", -60.0 if not began else 60.0)

    def pg_rewind(patronis: object, connection: object) -> bool:
        os.utime(segment)
        return ended

    monkeypatch.setattr(agent, "_REWIND", pg_rewind)
    patronis = SimpleNamespace(_postgresql=SimpleNamespace(data_dir=str(tmp_path)))
    assert agent.rewind(patronis, {}) is ended
    assert control.exists() == (ended or not began)


def status(timeline: int, position: int, in_recovery: bool = True) -> MemberStatus:
    member = Member.from_node(1, "db9", None, "{}")
    return MemberStatus(member, True, in_recovery, position, {"timeline": timeline})


@pytest.mark.parametrize(
    ("theirs", "position", "is_ahead"),
    [(3, 500, False), (3, 5000, True), (2, 5000, False), (4, 500, True)],
)
def test_a_newer_timeline_is_ahead_of_a_longer_log(
    theirs: int, position: int, is_ahead: bool
) -> None:
    """Seen from a standby on timeline 3 at 1000."""
    seen = agent.compared(status(theirs, position), 3)
    assert (seen.wal_position > 1000) == is_ahead
    assert seen.wal_position > 0, "it runs, and has a vote"


def test_who_does_not_run_or_leads_or_is_unknown_is_told_as_it_is() -> None:
    down = status(2, 0)
    assert agent.compared(down, 3) is down
    leading = status(2, 0, in_recovery=False)
    assert agent.compared(leading, 3) is leading
    other = status(2, 70)
    assert agent.compared(other, None) is other
    unknown = MemberStatus.unknown(other.member)
    assert agent.compared(unknown, 3) is unknown


@pytest.mark.parametrize(
    ("names", "count", "passed"),
    [({"*"}, None, 1), ({"db2"}, None, None), (set(), None, None), ({"*"}, 2, 2)],
)
def test_a_new_cluster_asks_for_a_copy_from_the_start(
    monkeypatch: pytest.MonkeyPatch,
    names: set[str],
    count: int | None,
    passed: int | None,
) -> None:
    monkeypatch.setattr(agent, "_NAME", lambda handler, names, count: count)
    assert agent.name_standbys(None, names, count) == passed


def test_a_primary_compares_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    other = status(2, 70)
    monkeypatch.setattr(agent, "_STATUSES", lambda ha, members: [other])
    leads = SimpleNamespace(role="primary", get_replica_timeline=lambda: 3)
    follows = SimpleNamespace(role="replica", get_replica_timeline=lambda: 3)
    assert agent.statuses(SimpleNamespace(state_handler=leads), []) == [other]
    [seen] = agent.statuses(SimpleNamespace(state_handler=follows), [])
    assert seen.wal_position == agent.BEHIND
