"""What the operator asked for, parsed once; and where a rung keeps its things.

A rung's folder outlives its processes. It belongs to one rung for ever: starting
another one in it is refused, so that nobody's orders are taken for a fresh shop's.
"""

import fcntl
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from central_baseline.errors import RefusedError, StorageError, UsageError
from central_baseline.servers.ports import claim_port, free_ports
from central_baseline.supervisor.descriptor import write_document

MAX_SERVERS = 8
MAX_REPLICAS = 4
MAX_SOCKET_PATH = 99  # bytes; the kernel allows 107
FORMAT = 1


@dataclass(frozen=True)
class Settings:
    """One `up`: which rung, where, how big. None: as the rung defines it."""

    rung: str
    folder: Path
    port: int | None = None
    servers: int | None = None
    replicas: int | None = None
    dcs: str = "raft"
    autoscale: int | None = None  # the most app servers; None: never scaled by itself
    database_dsn: str | None = None  # a superuser's, of a PostgreSQL that exists
    detection_s: float | None = None  # silence is death after so long; None: as shipped

    def save(self, path: Path) -> None:
        document = {**asdict(self), "folder": str(self.folder)}
        write_document(path, document, 0o600)  # the DSN holds a password

    @classmethod
    def load(cls, path: Path) -> "Settings":
        fields = json.loads(path.read_text())
        return cls(**{**fields, "folder": Path(fields["folder"])})


@dataclass(frozen=True)
class Secrets:
    """Passwords and tokens of one rung, made at its first start. URL-safe."""

    superuser: str
    replication: str
    rewind: str
    shop: str
    auditor: str
    admin_token: str

    @classmethod
    def fresh(cls) -> "Secrets":
        return cls(*(secrets.token_urlsafe(24) for _ in range(6)))


class Layout:
    """The folder of a rung."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.run = self.folder / "run"
        self.logs = self.folder / "logs"
        self.descriptor = self.folder / "descriptor.json"
        self.admin = self.folder / "admin.json"
        self.settings = self.run / "settings.json"
        self._lock = self.run / "lock"
        self._rung = self.folder / "rung.json"
        self._secrets = self.folder / "secrets.json"

    @property
    def control(self) -> Path:
        """The control socket; in the user's temporary folder if ours is too deep."""
        inside = self.run / "control.sock"
        if len(os.fsencode(inside)) <= MAX_SOCKET_PATH:
            return inside
        raise UsageError(
            f"{self.folder} is too deep for a Unix socket (at most {MAX_SOCKET_PATH} "
            "bytes with run/control.sock); choose a shorter --dir"
        )

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def rung(self) -> str | None:
        """The name of the rung whose folder this is, None when it is nobody's."""
        known = self._read(self._rung)
        return str(known["rung"]) if known and "rung" in known else None

    def claim(self, rung: str) -> None:
        """Make the folder this rung's; RefusedError when it is anything else."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            known = self._read(self._rung)
            if known is None:
                if any(self.folder.iterdir()):
                    raise RefusedError(
                        f"{self.folder} is not empty and not a rung's folder; "
                        "choose another --dir"
                    )
                write_document(self._rung, {"format": FORMAT, "rung": rung})
            elif known.get("rung") != rung or known.get("format") != FORMAT:
                raise RefusedError(
                    f"{self.folder} holds the rung '{known.get('rung')}' (format "
                    f"{known.get('format')}), not '{rung}'; choose another --dir"
                )
            self.run.mkdir(exist_ok=True)
            self.logs.mkdir(exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"{error.filename or self.folder} cannot be used: {error.strerror}"
            ) from error

    def lock(self) -> IO[str]:
        """Held by the supervisor as long as it lives; RefusedError when one does."""
        holder = self._lock.open("a")
        try:
            fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder.close()
            raise RefusedError(
                f"a supervisor already runs in {self.folder}; see "
                "'chandlery central status', or stop it with 'chandlery central down'"
            ) from error
        holder.truncate(0)
        holder.write(str(os.getpid()))
        holder.flush()
        return holder

    def supervisor_pid(self) -> int | None:
        """Of the supervisor that holds the lock, None when nobody does."""
        if not self.is_locked():
            return None
        text = self._lock.read_text()
        return int(text) if text.isdigit() else None

    def is_locked(self) -> bool:
        """Whether a supervisor lives here."""
        if not self.run.is_dir():
            return False
        with self._lock.open("a") as probe:
            try:
                fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def secrets(self) -> Secrets:
        """The rung's secrets, made once."""
        known = self._read(self._secrets)
        if known is not None:
            return Secrets(**known)
        made = Secrets.fresh()
        write_document(self._secrets, asdict(made), 0o600)
        return made

    def kept_ports(self, name: str, count: int) -> list[int]:
        """Ports that a server keeps for ever, chosen at its first start."""
        path = self.folder / "ports.json"
        known: dict[str, list[int]] = self._read(path) or {}
        if name in known:
            return [claim_port(port) for port in known[name]]
        known[name] = free_ports(count)
        write_document(path, known)
        return known[name]

    def _read(self, path: Path) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads(path.read_text())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise StorageError(f"{path} is damaged: {error}") from error
        return found
