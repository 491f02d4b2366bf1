"""Validators that die: commits go on, stop, come back, and nothing final is lost."""

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from web3.exceptions import TimeExhausted

from tests.node.network.cluster import Cluster, chandlery, wait_until

NO_COMMIT_S = 6.0
RESUME_S = 30.0
ACKNOWLEDGED_BEFORE_DEATH = 3


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path / "net")
    yield made
    made.down()


def commit_something(cluster: Cluster, at: int, nonce: int) -> None:
    """A transfer through one node becomes final."""
    sender = cluster.accounts[0]
    node = cluster.nodes[at]
    sent = node.eth.send_raw_transaction(cluster.transfer(sender, nonce))
    node.eth.wait_for_transaction_receipt(sent, timeout=RESUME_S)


def test_one_dead_of_four_costs_no_commit_two_dead_stop_all(cluster: Cluster) -> None:
    commit_something(cluster, 0, 0)
    cluster.fault("kill", "node4")
    for nonce in range(1, 5):
        commit_something(cluster, 0, nonce)

    cluster.fault("kill", "node3")
    wait_until(
        lambda: len(cluster.status(0)["peers"]) == 1,
        "node1 notices that two are gone",
        RESUME_S,
    )
    before = cluster.height(0)
    sent = cluster.nodes[0].eth.send_raw_transaction(
        cluster.transfer(cluster.accounts[0], 5)
    )
    with pytest.raises(TimeExhausted):
        cluster.nodes[0].eth.wait_for_transaction_receipt(sent, timeout=NO_COMMIT_S)
    assert cluster.height(0) == before

    doctor = chandlery("doctor", cluster.urls[0], check=False)
    assert doctor.returncode == 1
    assert "no quorum: 2 of 4 validators" in doctor.stdout
    missing = [
        row["address"]
        for row in cluster.status(0)["validators"]
        if not row["connected"]
    ]
    assert len(missing) == 2
    assert all(address in doctor.stdout for address in missing)

    cluster.fault("restart", "node3")
    cluster.fault("restart", "node4")
    cluster.nodes[0].eth.wait_for_transaction_receipt(sent, timeout=RESUME_S)
    cluster.wait_for_height(cluster.nodes[0].eth.block_number)
    cluster.assert_agreement()


class Load:
    """A client that sends one transfer after the other until its node dies."""

    def __init__(self, cluster: Cluster) -> None:
        self.acknowledged: list[bytes] = []
        self._cluster = cluster
        self._sender = cluster.accounts[2]

    def run(self) -> None:
        """Acknowledged is what came back with a receipt: it is in a final block."""
        node = self._cluster.nodes[0]
        nonce = node.eth.get_transaction_count(self._sender.address)
        with contextlib.suppress(OSError):
            while True:
                raw = self._cluster.transfer(self._sender, nonce)
                answer = node.provider.make_request(
                    "eth_sendRawTransactionSync",  # type: ignore[arg-type]
                    ["0x" + raw.hex()],
                )
                self.acknowledged.append(
                    bytes.fromhex(answer["result"]["transactionHash"][2:])
                )
                nonce += 1


def pids(cluster: Cluster) -> list[int]:
    answer = chandlery(
        "network", "status", str(cluster.directory), "--json", check=False
    )
    rows = json.loads(answer.stdout)["nodes"]
    return [row["pid"] for row in rows if row["pid"] is not None]


def kill_all_under_load(cluster: Cluster, times: int) -> None:
    """All four die at once, again and again; what was acknowledged stays."""
    load = Load(cluster)
    with ThreadPoolExecutor(1) as pool:
        for _ in range(times):
            running = pool.submit(load.run)
            enough = len(load.acknowledged) + ACKNOWLEDGED_BEFORE_DEATH
            wait_until(
                lambda enough=enough: len(load.acknowledged) >= enough,  # type: ignore[misc]
                "transfers are acknowledged",
                RESUME_S,
            )
            for pid in pids(cluster):
                os.kill(pid, signal.SIGKILL)
            running.result()
            wait_until(lambda: not pids(cluster), "all are dead", RESUME_S)
            for name in cluster.names:
                cluster.fault("restart", name)
            cluster.wait_for_height(1)
    for at in range(len(cluster.nodes)):
        assert_has_all(cluster, at, load.acknowledged)
    cluster.assert_agreement()


def assert_has_all(cluster: Cluster, at: int, hashes: list[bytes]) -> None:
    node = cluster.nodes[at]
    for transaction_hash in hashes:
        receipt = node.eth.wait_for_transaction_receipt(transaction_hash, RESUME_S)
        assert receipt["status"] == 1
    evidence = node.provider.make_request("qbft_getEvidence", [])  # type: ignore[arg-type]
    assert evidence["result"] == [], "a validator signed two payloads"


def test_nothing_acknowledged_is_lost_when_all_die_at_once(cluster: Cluster) -> None:
    kill_all_under_load(cluster, times=2)


@pytest.mark.long
@pytest.mark.timeout(1_200)
def test_nothing_acknowledged_is_lost_in_twenty_deaths(cluster: Cluster) -> None:
    kill_all_under_load(cluster, times=20)


def test_a_node_that_was_away_catches_up(cluster: Cluster) -> None:
    cluster.fault("kill", "node2")
    for nonce in range(3):
        commit_something(cluster, 0, nonce)
    cluster.fault("restart", "node2")
    cluster.wait_for_height(cluster.nodes[0].eth.block_number)
    cluster.assert_agreement()


def test_a_paused_validator_goes_on_without_contradicting_itself(
    cluster: Cluster,
) -> None:
    cluster.fault("pause", "node3")
    for nonce in range(3):
        commit_something(cluster, 0, nonce)
    cluster.fault("resume", "node3")
    cluster.wait_for_height(cluster.nodes[0].eth.block_number)
    cluster.assert_agreement()
    assert_has_all(cluster, 2, [])
