"""What a new network's directories say: settings of nodes that share a machine."""

import os
from pathlib import Path

import pytest

from node.config import load_config
from node.networks.layout import NetworkPlan, create_network


@pytest.mark.parametrize("validators", [1, 4])
def test_executors_of_one_machine_share_its_cores(
    tmp_path: Path, validators: int
) -> None:
    plan = NetworkPlan(validators=validators, rpc_port=0, p2p_port=0, accounts=1)
    places = create_network(tmp_path / "net", plan)
    threads = {
        load_config(place.directory, environment={}).executor.threads
        for place in places
    }
    each = max(1, (os.cpu_count() or 1) // validators)
    assert threads == ({0} if validators == 1 else {each})


def test_a_setting_of_the_plan_goes_before_the_layouts_own(tmp_path: Path) -> None:
    plan = NetworkPlan(
        validators=4,
        rpc_port=0,
        p2p_port=0,
        accounts=1,
        settings={"executor.threads": 3, "storage.archive": False},
    )
    place, *_ = create_network(tmp_path / "net", plan)
    config = load_config(place.directory, environment={})
    assert (config.executor.threads, config.storage.archive) == (3, False)
