"""HAProxy itself accepts what is written for it."""

import subprocess
from pathlib import Path

from central_baseline.servers.binaries import HAPROXY, find
from central_baseline.servers.haproxy import BalancerPlace, balancer_config


def test_the_configuration_is_valid_and_never_replays_a_purchase(
    tmp_path: Path,
) -> None:
    place = BalancerPlace("127.0.0.1", 8080, tmp_path, tmp_path / "log")
    text = balancer_config(place, {"app1": "127.0.0.1:9001", "app2": "127.0.0.1:9002"})
    file = tmp_path / "haproxy.cfg"
    file.write_text(text)
    checked = subprocess.run(
        [find(HAPROXY), "-c", "-f", file], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert "server app2 127.0.0.1:9002" in text
    assert "disable-l7-retry if ! METH_GET ! METH_HEAD" in text
