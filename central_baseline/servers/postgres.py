"""One PostgreSQL server: initialised, configured outside its data, started, probed.

The promise: what it acknowledges is on disk (fsync and synchronous_commit on, data
checksums on). Its configuration lives outside the data directory, because copies of the
data must not carry it along. Passwords are scram; nobody is trusted, loopback or not.
"""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from central_baseline.db.migrations import migrate
from central_baseline.servers.binaries import POSTGRES, find, find_beside
from central_baseline.supervisor.accounts import server_account
from central_baseline.supervisor.processes import Command
from central_baseline.supervisor.server import RunJob

SUPERUSER = "chandlery"
DATABASE = "shop"
ROLES = ("shop", "auditor")
PROBE_TIMEOUT_S = 2.0
# A new, copied or crashed data directory is on disk before it is used: by one call for
# the file system instead of one per file (Linux tells its errors since 5.8).
SYNC_METHOD = "syncfs"


@dataclass(frozen=True)
class PostgresSize:
    """How big a database server is; memory in MiB."""

    shared_buffers_mb: int = 128
    max_connections: int = 100
    work_mem_mb: int = 4
    wal_buffers_mb: int = 4


@dataclass(frozen=True)
class Passwords:
    """Of the superuser, the web tier's role and the auditor's role."""

    superuser: str
    shop: str
    auditor: str

    def of(self, role: str) -> str:
        return {"shop": self.shop, "auditor": self.auditor}.get(role, self.superuser)


@dataclass(frozen=True)
class PostgresPlace:
    """Where a server lives: its folder, its log, its address."""

    folder: Path
    log: Path
    host: str
    port: int
    listen: str = ""  # where `host` is a name that others reach it by
    clients: str = "127.0.0.0/8"  # from where roles may log in

    def dsn(self, role: str, password: str, database: str = DATABASE) -> str:
        """A connection string; passwords are URL-safe by construction."""
        return f"postgresql://{role}:{password}@{self.host}:{self.port}/{database}"


class PostgresServer:
    """The database of a rung that has only one."""

    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": ends sessions, writes a checkpoint
    start_timeout_s = 120.0  # it may have much to recover

    def __init__(
        self,
        place: PostgresPlace,
        passwords: Passwords,
        size: PostgresSize,
        cores: frozenset[int] | None = None,
    ) -> None:
        self._place = place
        self._passwords = passwords
        self._size = size
        self._cores = cores
        self._account = server_account(find(POSTGRES))

    @property
    def address(self) -> str:
        return f"{self._place.host}:{self._place.port}"

    @property
    def _data(self) -> Path:
        return self._place.folder / "data"

    async def prepare(self, run: RunJob) -> None:
        """Initialise the cluster once, write the configuration each time."""
        folder = self._place.folder
        folder.mkdir(parents=True, exist_ok=True)
        self._account.own(folder)
        if not (self._data / "PG_VERSION").exists():
            await self._initialise(run)
        self._write("postgresql.conf", settings_text(self._place, self._size))
        self._write("pg_hba.conf", host_rules(self._place))

    def command(self) -> Command:
        config = self._place.folder / "postgresql.conf"
        argv = (str(find(POSTGRES)), "-D", str(self._data), f"--config-file={config}")
        return Command(
            argv,
            cwd=self._place.folder,
            env={"HOME": str(self._place.folder)},
            account=self._account,
            cores=self._cores,
            log=self._place.log,
        )

    async def is_ready(self) -> bool:
        """Whether it takes a connection and answers (recovery has ended)."""
        try:
            connection = await asyncpg.connect(
                self._dsn_of_superuser("postgres"), timeout=PROBE_TIMEOUT_S
            )
            await connection.close()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        return True

    async def after_ready(self) -> None:
        """Roles, database and schema as this program needs them."""
        await create_database(self._dsn_of_superuser("postgres"), self._passwords)
        await migrate(self._dsn_of_superuser(DATABASE))

    def _dsn_of_superuser(self, database: str) -> str:
        return self._place.dsn(SUPERUSER, self._passwords.superuser, database)

    async def _initialise(self, run: RunJob) -> None:
        password_file = self._write("initdb-password", self._passwords.superuser)
        argv = (
            str(find_beside(POSTGRES, "initdb")),
            f"--pgdata={self._data}",
            f"--username={SUPERUSER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-locale",
            "--data-checksums",
            f"--sync-method={SYNC_METHOD}",
        )
        try:
            await run(Command(argv, cwd=self._place.folder, account=self._account))
        finally:
            password_file.unlink()

    def _write(self, name: str, text: str) -> Path:
        path = self._place.folder / name
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        self._account.own(path)
        return path


def host_rules(place: PostgresPlace) -> str:
    """pg_hba.conf: passwords for everybody, from the addresses given."""
    return f"""\
# TYPE DATABASE USER ADDRESS METHOD
host all all {place.clients} scram-sha-256
host replication all {place.clients} scram-sha-256
"""


def settings_text(place: PostgresPlace, size: PostgresSize) -> str:
    """postgresql.conf of a server at `place`."""
    return "".join(
        f"{name} = '{value}'\n" for name, value in settings(place, size).items()
    )


def settings(place: PostgresPlace, size: PostgresSize) -> dict[str, str]:
    """Every setting that differs from PostgreSQL's own choice."""
    return {
        "listen_addresses": place.listen or place.host,
        "port": str(place.port),
        "unix_socket_directories": "",
        "hba_file": str(place.folder / "pg_hba.conf"),
        "max_connections": str(size.max_connections),
        **common_settings(size),
    }


def common_settings(size: PostgresSize) -> dict[str, str]:
    """Settings of every PostgreSQL on the ladder, wherever it runs."""
    return {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "recovery_init_sync_method": SYNC_METHOD,
        "shared_buffers": f"{size.shared_buffers_mb}MB",
        "work_mem": f"{size.work_mem_mb}MB",
        "wal_buffers": f"{size.wal_buffers_mb}MB",
        "min_wal_size": "128MB",
        "max_wal_size": "1GB",
        "checkpoint_timeout": "5min",
        "log_min_messages": "warning",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        "lc_messages": "C",  # one warning is recognised by its words
        "timezone": "UTC",
        "password_encryption": "scram-sha-256",
        # Each login would otherwise cost as much as several orders.
        "scram_iterations": "1024",
        "tcp_keepalives_idle": "10",
        "tcp_keepalives_interval": "3",
        "tcp_keepalives_count": "3",
    }


async def create_database(dsn: str, passwords: Passwords) -> None:
    """The shop's database and the two roles that are not its owner, if missing."""
    connection = await asyncpg.connect(dsn)
    try:
        for role in ROLES:
            known = await connection.fetchval(
                "SELECT 1 FROM pg_roles WHERE rolname = $1", role
            )
            verb = "ALTER" if known else "CREATE"
            await connection.execute(
                f"{verb} ROLE {role} LOGIN PASSWORD '{passwords.of(role)}'"
            )
        exists = await connection.fetchval(
            "SELECT 1 FROM pg_database WHERE datname = $1", DATABASE
        )
        if not exists:
            await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close()
