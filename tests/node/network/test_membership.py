"""Validators come and go through the contract, on real processes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.node.network.cluster import Cluster, chandlery, wait_until

JOIN_S = 60.0


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path / "net")
    yield made
    made.down()


def validators(cluster: Cluster) -> list[str]:
    answer = chandlery("validators", "list", cluster.urls[0], "--json")
    return [row["address"] for row in json.loads(answer.stdout)["validators"]]


def vote(cluster: Cluster, at: int, action: str, *words: str) -> None:
    node = str(cluster.directory / cluster.names[at])
    chandlery(
        *("validators", action, *words), *("--node", node, "--rpc", cluster.urls[0])
    )


def test_a_member_leaves_by_quorum_and_comes_back_by_quorum(cluster: Cluster) -> None:
    members = validators(cluster)
    leaving = cluster.status(3)["node"]
    for at in range(3):
        vote(cluster, at, "remove", leaving)
    wait_until(lambda: len(validators(cluster)) == 3, "three are left", JOIN_S)
    assert leaving not in validators(cluster)

    vote(cluster, 0, "propose", leaving)
    vote(cluster, 1, "vote", leaving)
    early = chandlery(
        *("validators", "list", cluster.urls[0], "--json"),
    )
    assert leaving not in early.stdout, "votes alone make nobody a validator"
    vote(cluster, 3, "accept")
    wait_until(lambda: validators(cluster) == members, "it is back", JOIN_S)
    before = cluster.nodes[0].eth.block_number
    cluster.wait_for_height(before + 1)
    cluster.assert_agreement()


def test_a_stranger_cannot_vote(cluster: Cluster, tmp_path: Path) -> None:
    other = tmp_path / "other"
    chandlery("init", str(other), "--validators", "1", "--rpc-port", "0")
    answer = chandlery(
        *("validators", "remove", validators(cluster)[0]),
        *("--node", str(other / "node1"), "--rpc", cluster.urls[0]),
        check=False,
    )
    assert answer.returncode == 1
    assert "execution reverted" in answer.stderr
