"""The agent is Patroni, but its Raft calls again soon, and it trusts no data that is
half rewound."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from patroni.dcs import Member, raft
from patroni.ha import _MemberStatus

from central_baseline.servers import agent

SEEN = """
from central_baseline.servers.agent import call, mend, rewind, statuses
mend()
from patroni.dcs import Member, raft
from patroni.ha import _MemberStatus
found = raft.SyncObjConf(autoTick=False)
print(found.connectionRetryTime, found.autoTick)
from patroni.ha import Ha
from patroni.postgresql.rewind import Rewind
print(Ha.fetch_nodes_statuses is statuses)
print(raft._TCPTransport._connectIfNecessarySingle is call, Rewind.pg_rewind is rewind)
"""


def test_raft_calls_again_within_a_second_and_takes_patroni_s_settings() -> None:
    """In a process of its own: it changes Patroni for as long as that lives."""
    seen = subprocess.run(
        [sys.executable, "-c", SEEN], capture_output=True, text=True, check=True
    )
    retry_s, *others = seen.stdout.split()
    assert 0 < float(retry_s) <= 1
    assert others == ["False", "True", "True", "True"]


class Line:
    """A connection that is never answered."""

    def __init__(self) -> None:
        self.state = raft.CONNECTION_STATE.DISCONNECTED
        self.calls = 0

    def connect(self, host: str, port: int) -> bool:
        self.state = raft.CONNECTION_STATE.CONNECTING
        self.calls += 1
        return True

    def disconnect(self) -> None:
        self.state = raft.CONNECTION_STATE.DISCONNECTED


@pytest.mark.parametrize(("give_up_s", "calls"), [(-1.0, 3), (60.0, 1)])
def test_a_call_that_nobody_answers_is_made_anew(
    monkeypatch: pytest.MonkeyPatch, give_up_s: float, calls: int
) -> None:
    monkeypatch.setattr(agent, "GIVE_UP_S", give_up_s)
    partner, line = raft.TCPNode("127.0.0.1:1000"), Line()
    transport = raft._TCPTransport.__new__(raft._TCPTransport)
    transport._selfNode = raft.TCPNode("127.0.0.1:2000")
    transport._selfIsReadonlyNode = False
    transport._preventConnectNodes = set()
    transport._connections = {partner: line}
    transport._lastConnectAttempt = {}
    transport._syncObj = SimpleNamespace(conf=SimpleNamespace(connectionRetryTime=0))
    for _ in range(3):
        agent.call(transport, partner)
    assert line.calls == calls


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


def status(timeline: int, position: int, in_recovery: bool = True) -> _MemberStatus:
    member = Member.from_node(1, "db9", None, "{}")
    return _MemberStatus(member, True, in_recovery, position, {"timeline": timeline})


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
    unknown = _MemberStatus.unknown(other.member)
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
