"""The real programs take the configurations that the manifests hold."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from central_baseline.errors import StartError
from central_baseline.manifests.image import link
from central_baseline.manifests.probe import works
from central_baseline.manifests.setup import make_ready
from central_baseline.servers.binaries import HAPROXY, NGINX, find
from central_baseline.servers.ports import free_ports
from central_baseline.servers.postgres import Passwords
from central_baseline.supervisor.accounts import server_account
from tests.central_baseline.manifests.conftest import write
from tests.central_baseline.waiting import until

PASSWORDS = Passwords("a-superuser", "a-shop", "an-auditor")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write("cdn", "compose", tmp_path_factory.mktemp("cdn"))


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("unit", ["balancer/haproxy", "app1/proxy"])
def test_haproxy_accepts_its_file(folder: Path, unit: str) -> None:
    config = folder / "config" / f"{unit}-haproxy.cfg"
    seen = run(find(HAPROXY), "-c", "-f", config)
    assert seen.returncode == 0, seen.stdout + seen.stderr


def test_nginx_accepts_its_file(folder: Path, tmp_path: Path) -> None:
    # Where there is no container, the origin's name leads nowhere.
    text = (folder / "config/edge-eu/nginx-nginx.conf").read_text()
    (tmp_path / "nginx.conf").write_text(text.replace("balancer:", "127.0.0.1:"))
    static = (folder / "config/edge-eu/nginx-static.conf").read_text()
    (tmp_path / "static.conf").write_text(static)
    (tmp_path / "temp").mkdir()
    account = server_account(find(NGINX))
    seen = run(
        *account.prefix,
        *(find(NGINX), "-t", "-p", tmp_path, "-c", tmp_path / "nginx.conf"),
        *("-e", "stderr"),
    )
    assert seen.returncode == 0, seen.stderr


def test_patroni_accepts_its_file(folder: Path, tmp_path: Path) -> None:
    path = folder / "secrets/db2/patroni-patroni.json"
    settings = json.loads(path.read_text())
    link(tmp_path, tmp_path / "opt")
    assert settings["postgresql"]["bin_dir"] == "/opt/chandlery/postgres"
    settings["postgresql"]["bin_dir"] = str(tmp_path / "opt" / "postgres")
    settings["postgresql"]["data_dir"] = str(tmp_path / "data")
    settings["raft"]["data_dir"] = str(tmp_path)
    # Names of other machines are not known here, and nobody listens there.
    text = json.dumps(settings)
    for number in (1, 2, 3):
        text = text.replace(f"db{number}:", f"127.0.0.{number + 1}:")
    (tmp_path / "patroni.json").write_text(text)
    seen = run(
        *(sys.executable, "-m", "central_baseline.servers.agent"),
        *("--validate-config", "--ignore-listen-port", tmp_path / "patroni.json"),
    )
    said = (seen.stdout + seen.stderr).splitlines()
    wrong = [line for line in said if "validation" in line]
    assert [line for line in wrong if "is not reachable" not in line] == []


@pytest.fixture
def database(tmp_path: Path) -> Iterator[int]:
    """The database container's program, at home here; yields its port."""
    port = free_ports(1)[0]
    settings = {
        "folder": str(tmp_path / "state"),
        "listen": "127.0.0.1",
        "port": port,
        "size": {"shared_buffers_mb": 16, "max_connections": 20},
        "passwords": {
            "superuser": PASSWORDS.superuser,
            "shop": PASSWORDS.shop,
            "auditor": PASSWORDS.auditor,
        },
    }
    path = tmp_path / "place.json"
    path.write_text(json.dumps(settings))
    words = [sys.executable, "-m", "central_baseline.manifests.database", str(path)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
        yield port
        process.terminate()
        process.wait(timeout=30)


async def test_a_database_initialises_itself_and_setup_makes_it_the_shop_s(
    database: int,
) -> None:
    await until(lambda: works("tcp", "127.0.0.1", database))
    dsn = f"postgresql://chandlery:a-superuser@127.0.0.1:{database}/postgres"
    assert await make_ready(dsn, PASSWORDS, patience_s=30) > 0
    assert await make_ready(dsn, PASSWORDS, patience_s=30) == 0


async def test_setup_says_so_when_there_is_no_database() -> None:
    dsn = f"postgresql://a:b@127.0.0.1:{free_ports(1)[0]}/postgres"
    with pytest.raises(StartError, match="no database took writes"):
        await make_ready(dsn, PASSWORDS, patience_s=0)


def test_a_probe_fails_where_nothing_listens() -> None:
    port = free_ports(1)[0]
    for kind, subject in (("http", "/health"), ("tcp", ""), ("dns", "shop.test")):
        assert not works(kind, "127.0.0.1", port, subject)
