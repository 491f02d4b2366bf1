"""The one image that every container of a rung runs, and the links inside it.

It is built from a checkout of the project with its pinned lock, so that what runs on
other machines is what was measured here. `python -m central_baseline.manifests.image
FOLDER` is called while it is built: links that put the wheels' servers on PATH.
"""

import sys
from importlib.metadata import version
from pathlib import Path

from central_baseline.servers.binaries import HAPROXY, NGINX, POSTGRES, VALKEY, find

USER = 65532  # nobody in particular; PostgreSQL refuses to be root


def image() -> str:
    """Name and version."""
    return f"chandlery:{version('chandlery')}"


DOCKERFILE = f"""\
# docker build -t {{image}} -f Dockerfile PATH-TO-A-CHECKOUT
FROM python:3.11-slim-bookworm
COPY . /src
RUN pip install --no-cache-dir --require-hashes -r /src/requirements.lock \\
 && pip install --no-cache-dir --no-deps /src \\
 && rm -rf /src \\
 && python -m central_baseline.manifests.image /usr/local/bin /opt/chandlery \\
 && install -d -o {USER} -g {USER} /var/lib/chandlery /run/chandlery
USER {USER}:{USER}
ENV HOME=/run/chandlery
"""


def dockerfile() -> str:
    return DOCKERFILE.replace("{image}", image())


def link(programs: Path, folders: Path) -> None:
    """Put every server on PATH, and PostgreSQL's tools into one folder."""
    for program in (POSTGRES, HAPROXY, NGINX, VALKEY):
        target = programs / program.name
        target.unlink(missing_ok=True)
        target.symlink_to(find(program).resolve())
    folders.mkdir(parents=True, exist_ok=True)
    (folders / "postgres").symlink_to(find(POSTGRES).resolve().parent)


if __name__ == "__main__":
    link(Path(sys.argv[1]), Path(sys.argv[2]))
