"""Writing again keeps the passwords; the impossible is refused with a sentence."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from central_baseline.errors import RefusedError, UsageError
from central_baseline.manifests.options import etcd_hosts, options_for
from central_baseline.manifests.writing import write_manifests


def texts(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_written_twice_it_is_the_same(tmp_path: Path) -> None:
    write_manifests(options_for("cdn"), "compose", tmp_path)
    before = texts(tmp_path)
    write_manifests(options_for("cdn"), "compose", tmp_path)
    assert texts(tmp_path) == before
    write_manifests(options_for("cdn", servers=3), "compose", tmp_path)
    assert "app3:8080" in (tmp_path / "config/balancer/haproxy-haproxy.cfg").read_text()
    assert texts(tmp_path)["secrets.json"] == before["secrets.json"]


def test_containers_can_read_their_files_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_manifests(options_for("database"), "compose", tmp_path)
    finally:
        os.umask(before)
    files = [*tmp_path.glob("config/*/*"), *tmp_path.glob("secrets/*/*")]
    assert files
    assert {path.stat().st_mode & 0o777 for path in files} == {0o644}
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("irreplaceable")
    with pytest.raises(RefusedError, match="choose another --out"):
        write_manifests(options_for("single"), "compose", tmp_path)


def test_name_servers_of_many_machines_need_public_addresses(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name those of ap, eu, origin, us"):
        write_manifests(options_for("cdn"), "kubernetes", tmp_path)
    some = replace(options_for("cdn"), addresses={"eu": "203.0.113.7"})
    with pytest.raises(UsageError, match="name those of ap, origin, us"):
        write_manifests(some, "compose", tmp_path)


@pytest.mark.parametrize(
    ("rung", "changes", "sentence"),
    [
        ("cloud", {}, "there is no rung"),
        ("database", {"servers": 2}, "between 1 and 1"),
        ("replicated", {"replicas": 1}, "between 2 and 4"),
        ("cached", {"database_dsn": "postgresql://a@b/c"}, "one server of its own"),
    ],
)
def test_impossible_options_are_refused(
    rung: str, changes: dict[str, int], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        options_for(rung, **changes)  # type: ignore[arg-type]


def test_a_database_that_exists_is_used_and_not_described(tmp_path: Path) -> None:
    dsn = "postgresql://admin:word@pg.example.org:5433/postgres"
    write_manifests(options_for("horizontal", database_dsn=dsn), "compose", tmp_path)
    found = texts(tmp_path)
    assert "\n  database:" not in found["compose.yaml"]
    assert dsn in found["secrets/setup/setup-setup.json"]
    assert "@pg.example.org:5433/shop" in found["secrets/app1/web1-web1.json"]
    services = yaml.safe_load(found["compose.yaml"])["services"]
    assert {n for n, s in services.items() if "outside" in s["networks"]} == {
        "app1",
        "app2",
        "setup",
    }


def test_an_etcd_that_exists_takes_the_place_of_raft(tmp_path: Path) -> None:
    options = replace(
        options_for("replicated"), etcd_hosts=etcd_hosts(["etcd.example.org:2379"])
    )
    write_manifests(options, "kubernetes", tmp_path)
    found = list(yaml.safe_load_all((tmp_path / "kubernetes.yaml").read_text()))
    policy = next(
        d
        for d in found
        if d["kind"] == "NetworkPolicy" and d["metadata"]["name"] == "db1"
    )
    ports = [p["port"] for rule in policy["spec"]["egress"] for p in rule["ports"]]
    assert 2379 in ports
    assert 2222 not in ports
    with pytest.raises(UsageError, match="HOST:PORT"):
        etcd_hosts(["etcd"])
