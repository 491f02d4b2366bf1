"""A node's directory: made once, used by one process, never by an older program."""

import multiprocessing
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from node.consensus.safety import SafetyState
from node.driver.ports import StorageFailed
from node.primitives.keccak import keccak256
from node.storage.directory import DirectoryInUse, StateDirectory
from tests.node.storage.samples import GENESIS_HASH, VALIDATORS, finals

OWNER = VALIDATORS.addresses[0]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    StateDirectory.create(tmp_path, GENESIS_HASH, OWNER)
    return tmp_path


def test_a_new_directory_may_sign(path: Path) -> None:
    with closing(StateDirectory.open(path)) as directory:
        store, safety = directory.open_stores(GENESIS_HASH, OWNER)
        assert safety.load().can_sign
        assert directory.state.is_dir()
        assert directory.logs.is_dir()
        store.close()
        safety.close()


def test_create_replaces_nothing(path: Path) -> None:
    with pytest.raises(StorageFailed, match="already"):
        StateDirectory.create(path, GENESIS_HASH, OWNER)


def test_a_safety_log_of_another_directory_is_foreign(
    path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    StateDirectory.create(other, GENESIS_HASH, OWNER)
    (path / "safety.log").write_bytes((other / "safety.log").read_bytes())
    with closing(StateDirectory.open(path)) as directory:
        store, safety = directory.open_stores(GENESIS_HASH, OWNER)
        assert not safety.load().can_sign
        store.close()
        safety.close()


def test_a_folder_that_is_no_node_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="chandlery init"):
        StateDirectory.open(tmp_path)


def test_another_network_is_refused(path: Path) -> None:
    with (
        closing(StateDirectory.open(path)) as directory,
        pytest.raises(StorageFailed, match="another network"),
    ):
        directory.open_stores(keccak256(b"other"), OWNER)


def hold(path: Path, link: Connection) -> None:
    with closing(StateDirectory.open(path)):
        link.send("held")
        link.recv()


def test_a_second_process_gets_a_clear_error(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=hold, args=(path, theirs))
    process.start()
    assert ours.poll(60)
    ours.recv()
    with pytest.raises(DirectoryInUse, match=f"process {process.pid}") as caught:
        StateDirectory.open(path)
    assert caught.value.exit_code == 3
    ours.send("go")
    process.join(60)
    StateDirectory.open(path).close()


def test_a_newer_layout_is_refused(path: Path) -> None:
    (path / "VERSION").write_text("2\n")
    with pytest.raises(StorageFailed, match="upgrade"):
        StateDirectory.open(path)


def test_an_older_layout_is_migrated_step_by_step(path: Path) -> None:
    steps: list[int] = []
    migrations = {n: lambda _, n=n: steps.append(n) for n in (1, 2)}
    StateDirectory.open(path, 3, migrations).close()
    assert steps == [1, 2]
    assert (path / "VERSION").read_text() == "3\n"
    StateDirectory.open(path, 3, migrations).close()
    assert steps == [1, 2]


def test_a_layout_without_a_migration_is_refused(path: Path) -> None:
    with pytest.raises(StorageFailed, match="too old"):
        StateDirectory.open(path, 3, {2: lambda _: None})
    (path / "VERSION").write_text("one\n")
    with pytest.raises(StorageFailed, match="not a number"):
        StateDirectory.open(path)


@pytest.mark.parametrize(("above", "signs_above"), [(None, 4), (1, 3), (3, 3), (9, 9)])
def test_a_recovered_log_forbids_all_that_the_lost_one_may_have_held(
    path: Path, above: int | None, signs_above: int
) -> None:
    """At work on block 4 with three stored: without a height, that one too."""
    with closing(StateDirectory.open(path)) as directory:
        store, safety = directory.open_stores(GENESIS_HASH, OWNER)
        for final in finals(3):
            store.append(final)
        store.close()
        safety.close()
        found = directory.recover(GENESIS_HASH, OWNER, above, "now")
        assert found == (signs_above, path / "safety.log.now")
        store, safety = directory.open_stores(GENESIS_HASH, OWNER)
        assert safety.load() == SafetyState((), signs_above, can_sign=True)
        store.close()
        safety.close()


def test_a_log_that_is_gone_is_made_anew_by_recover_alone(path: Path) -> None:
    (path / "safety.log").unlink()
    with closing(StateDirectory.open(path)) as directory:
        assert directory.recover(GENESIS_HASH, OWNER, None, "now") == (1, None)
        store, safety = directory.open_stores(GENESIS_HASH, OWNER)
        assert safety.load().can_sign
        store.close()
        safety.close()
