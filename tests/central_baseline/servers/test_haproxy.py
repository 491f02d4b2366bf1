"""HAProxy itself accepts what is written for it."""

import subprocess
from pathlib import Path

import pytest

from central_baseline.servers.binaries import HAPROXY, find
from central_baseline.servers.database_proxy import PRIMARY_CHECKS, proxy_config
from central_baseline.servers.haproxy import BalancerPlace, Checks, balancer_config
from central_baseline.servers.patroni import NodePlace


def test_the_configuration_is_valid_and_never_replays_a_purchase(
    tmp_path: Path,
) -> None:
    place = BalancerPlace("127.0.0.1", 8080, tmp_path, tmp_path / "log")
    text = balancer_config(place, {"app1": "127.0.0.1:9001", "app2": "127.0.0.1:9002"})
    check(text, tmp_path)
    assert "server app2 127.0.0.1:9002" in text
    assert "disable-l7-retry if ! METH_GET ! METH_HEAD" in text


@pytest.mark.parametrize("checks", [PRIMARY_CHECKS, Checks.within(20.0, 4)])
def test_the_way_to_the_primary_is_valid_however_patient(
    tmp_path: Path, checks: Checks
) -> None:
    node = NodePlace("db1", tmp_path, tmp_path / "log", "127.0.0.1", 9001, 9002, 9003)
    text = proxy_config((8081, 8082), [node], checks)
    check(text, tmp_path)
    assert "server db1 127.0.0.1:9001 port 9002" in text
    assert f"default-server check inter {checks.every_ms}ms" in text
    assert f"timeout check {checks.patience_ms}ms" in text


def check(text: str, folder: Path) -> None:
    """HAProxy's own verdict."""
    file = folder / "haproxy.cfg"
    file.write_text(text)
    checked = subprocess.run(
        [find(HAPROXY), "-c", "-f", file], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
