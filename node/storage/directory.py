"""The directory of one node: who may use it, and what its files are called.

    nodeN/{node.toml, key.json, tls/, safety.log, blocks/, state/, logs/, VERSION, LOCK}

`create` makes it once; nothing else creates a safety log. `open` holds LOCK for as
long as the process lives, refuses a layout that is newer than this program and migrates
an older one, one version at a time.
"""

import fcntl
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from node.driver.ports import StorageFailed
from node.primitives.types import Address, Hash32
from node.storage.block_store import IDENTITY_BYTES, SqliteBlockStore
from node.storage.files import SYSTEM_FILES
from node.storage.safety_frames import Binding
from node.storage.safety_log import FileSafetyLog

VERSION = 1
# From version n to n + 1. A migration may be cut short by a crash and run again.
MIGRATIONS: Mapping[int, Callable[[Path], None]] = {}


class DirectoryInUse(Exception):
    """Another process runs on this directory."""

    exit_code = 3


class StateDirectory:
    """An open (locked) node directory; close it last."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def create(cls, path: Path, genesis_hash: Hash32, validator: Address) -> None:
        """Make VERSION, an empty block store and its safety log, durably.

        Raises StorageFailed when any of them is there already.
        """
        if (path / "VERSION").exists():
            raise StorageFailed(f"{path} is a node's directory already")
        identity = secrets.token_bytes(IDENTITY_BYTES)
        SqliteBlockStore.create(path / "blocks", genesis_hash, identity)
        binding = Binding(identity, validator, genesis_hash)
        FileSafetyLog.create(path / "safety.log", binding)
        for folder in ("state", "logs"):
            (path / folder).mkdir(exist_ok=True)
        _write_version(path, VERSION)

    @classmethod
    def open(
        cls,
        path: Path,
        version: int = VERSION,
        migrations: Mapping[int, Callable[[Path], None]] = MIGRATIONS,
    ) -> "StateDirectory":
        """Lock and migrate. Raises StorageFailed, DirectoryInUse."""
        found = _read_version(path)
        if found > version:
            raise StorageFailed(
                f"{path} was written by a newer version (layout {found}, this program "
                f"reads up to {version}); upgrade chandlery"
            )
        lock = _acquire(path / "LOCK")
        try:
            for step in range(found, version):
                if step not in migrations:
                    raise StorageFailed(f"{path} has layout {step}, too old to migrate")
                migrations[step](path)
                _write_version(path, step + 1)
        except BaseException:
            os.close(lock)
            raise
        return cls(path, lock)

    @property
    def state(self) -> Path:
        """Where the executor keeps its state."""
        return self.path / "state"

    @property
    def logs(self) -> Path:
        """Where log files go."""
        return self.path / "logs"

    def open_stores(
        self, genesis_hash: Hash32, validator: Address
    ) -> tuple[SqliteBlockStore, FileSafetyLog]:
        """The block store and the safety log of this node; close both.

        Raises StorageFailed (4), SafetyLogCorrupt (3). A missing or foreign safety log
        is no error: its `refusal` says so and the node follows without signing.
        """
        store = SqliteBlockStore.open(self.path / "blocks", genesis_hash)
        binding = Binding(store.identity, validator, genesis_hash)
        try:
            return store, FileSafetyLog(self.path / "safety.log", binding)
        except BaseException:
            store.close()
            raise

    def recover(
        self, genesis_hash: Hash32, validator: Address, above: int | None, stamp: str
    ) -> tuple[int, Path | None]:
        """A new safety log that forbids all up to `above`.

        Without it: up to the height after the newest block stored here, which the
        validator may have been signing for. Never below the newest block. The old log
        is kept beside, its name ended with `stamp`. Returns the height and where the
        old log is. Raises StorageFailed.
        """
        path = self.path / "safety.log"
        store = SqliteBlockStore.open(self.path / "blocks", genesis_hash)
        try:
            head = store.head()
            stored = head.height if head else 0
            height = stored + 1 if above is None else max(above, stored)
            kept = path.with_name(f"{path.name}.{stamp}") if path.exists() else None
            if kept is not None:
                path.rename(kept)
            binding = Binding(store.identity, validator, genesis_hash)
            FileSafetyLog.create(path, binding)
            log = FileSafetyLog(path, binding)
            log.forbid(height)
            log.close()
        finally:
            store.close()
        return height, kept

    def close(self) -> None:
        """Let another process have the directory."""
        os.close(self._lock)


def _acquire(path: Path) -> int:
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 32, 0).decode(errors="replace").strip()
        os.close(lock)
        raise DirectoryInUse(
            f"{path.parent} is used by process {holder or '?'}; two processes with one "
            "key would contradict each other: stop that one first"
        ) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def _read_version(path: Path) -> int:
    try:
        return int((path / "VERSION").read_text())
    except FileNotFoundError:
        raise StorageFailed(
            f"{path} is not a node's directory (no VERSION); make one with "
            "`chandlery init`"
        ) from None
    except ValueError:
        raise StorageFailed(f"{path / 'VERSION'} is not a number") from None


def _write_version(path: Path, version: int) -> None:
    fresh = path / "VERSION.new"
    with fresh.open("w") as file:
        file.write(f"{version}\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path / "VERSION")
    SYSTEM_FILES.sync_folder(path)
