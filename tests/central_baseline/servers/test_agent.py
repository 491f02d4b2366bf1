"""The agent is Patroni but for how soon its Raft calls its partners again."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
from patroni.dcs import raft

from central_baseline.servers import agent

SEEN = """
from central_baseline.servers.agent import call, call_again_soon
call_again_soon()
from patroni.dcs import raft
found = raft.SyncObjConf(autoTick=False)
print(found.connectionRetryTime, found.autoTick)
print(raft._TCPTransport._connectIfNecessarySingle is call)
"""


def test_raft_calls_again_within_a_second_and_takes_patroni_s_settings() -> None:
    """In a process of its own: it changes Patroni for as long as that lives."""
    seen = subprocess.run(
        [sys.executable, "-c", SEEN], capture_output=True, text=True, check=True
    )
    retry_s, auto_tick, is_ours = seen.stdout.split()
    assert 0 < float(retry_s) <= 1
    assert (auto_tick, is_ours) == ("False", "True")


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
