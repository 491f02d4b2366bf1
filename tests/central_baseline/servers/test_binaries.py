"""Finding programs: the operator's choice first, and never an old one."""

from pathlib import Path

import pytest

from central_baseline.errors import UsageError
from central_baseline.servers.binaries import (
    HAPROXY,
    POSTGRES,
    find,
    find_beside,
    version_of,
)


def program(folder: Path, name: str, says: str) -> Path:
    """A program that reports a version and nothing else."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def test_the_wheels_carry_what_the_ladder_needs() -> None:
    assert int(version_of(find(POSTGRES)).split(".")[0]) >= 18
    assert version_of(find(HAPROXY)).startswith("2.")
    assert find_beside(POSTGRES, "initdb").exists()


def test_a_setting_wins_over_the_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = program(tmp_path, "postgres", "postgres (PostgreSQL) 99.1")
    monkeypatch.setenv(POSTGRES.setting, str(tmp_path))
    assert find(POSTGRES) == chosen
    monkeypatch.setenv(POSTGRES.setting, str(chosen))
    assert find(POSTGRES) == chosen


def test_an_old_program_is_refused_with_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "postgres", "postgres (PostgreSQL) 12.22")
    monkeypatch.setenv(POSTGRES.setting, str(tmp_path))
    with pytest.raises(UsageError, match=r"version 12\.22.*needs 18"):
        find(POSTGRES)


def test_a_setting_that_points_nowhere_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(POSTGRES.setting, str(tmp_path))
    with pytest.raises(UsageError, match=POSTGRES.setting):
        find(POSTGRES)


def test_a_program_that_reports_no_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did not report a version"):
        version_of(program(tmp_path, "haproxy", "hello"))


def test_a_missing_tool_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "postgres", "postgres (PostgreSQL) 99.1")
    monkeypatch.setenv(POSTGRES.setting, str(tmp_path))
    with pytest.raises(UsageError, match="initdb is missing"):
        find_beside(POSTGRES, "initdb")
