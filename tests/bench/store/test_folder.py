"""The store: new folders, `latest`, whole files, and a manifest without names."""

from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.store.folder import RunFolder, read_json, write_json
from bench.store.manifest import fsync_probe, machine_facts, package_versions


def test_latest_points_to_the_newest_run(tmp_path: Path) -> None:
    first = RunFolder.create(tmp_path, "quick")
    second = RunFolder.create(tmp_path, "quick")
    assert first.path != second.path
    assert (tmp_path / "latest").resolve() == second.path.resolve()
    assert not (tmp_path / "latest").readlink().is_absolute()


def test_a_folder_that_cannot_be_made_is_an_error_with_advice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match="name another folder with --out") as caught:
        RunFolder.create(tmp_path / "file", "quick")
    assert caught.value.exit_code == 4


def test_json_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"b": 1, "a": [2]})
    assert read_json(path) == {"b": 1, "a": [2]}
    with pytest.raises(TypeError):
        write_json(path, {"no": object()})
    assert read_json(path) == {"b": 1, "a": [2]}
    path.write_text("{")
    with pytest.raises(BenchError, match="not valid JSON"):
        read_json(path)
    with pytest.raises(BenchError, match="incomplete"):
        read_json(tmp_path / "absent.json")


def test_the_manifest_tells_the_machine_and_names_nobody(tmp_path: Path) -> None:
    facts = machine_facts(tmp_path)
    assert facts["cores"] >= 1
    assert facts["memory_bytes"] > 10**8
    assert set(facts) == {
        "cpu",
        "cores",
        "memory_bytes",
        "kernel",
        "machine",
        "python",
        "disk_free_bytes",
        "load_average_1min",
        "fsync_ms",
    }
    assert str(tmp_path) not in repr(facts)
    assert "hdrhistogram" in package_versions()


def test_the_fsync_probe_measures_and_leaves_nothing(tmp_path: Path) -> None:
    probe = fsync_probe(tmp_path)
    assert 0 < probe["median"] <= probe["worst"]
    assert list(tmp_path.iterdir()) == []
