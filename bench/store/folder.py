"""The folder of one run, and `latest`.

    runs/ID/manifest.json            machine, versions, seed, what was asked for
    runs/ID/scenario.toml            the scenario, as it was read
    runs/ID/targets/NAME/target.json ran or missing and why; descriptor; provisioning
    runs/ID/targets/NAME/knee-N/     raw samples of the knee's probes
    runs/ID/targets/NAME/trial-N/    raw samples: history, lag, components, events, ...
    runs/ID/report.html              computed from the above, and from nothing else
    runs/latest -> ID

JSON files appear whole or not at all. A run is never written into twice.
"""

import os
import secrets
import time
from pathlib import Path
from typing import Any

import orjson

from bench.errors import BenchError, Exit

MANIFEST = "manifest.json"
WHOLE = "trial.json"  # written last: what has it is complete
TRIAL = "trial"
PROBE = "knee"


class RunFolder:
    """Paths below one run's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, root: Path, name: str) -> "RunFolder":
        """A new folder below `root`, and `latest` pointing to it."""
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        path = root / f"{stamp}-{name}-{secrets.token_hex(2)}"
        try:
            path.mkdir(parents=True)
            (path / "targets").mkdir()
        except OSError as error:
            raise BenchError(
                f"{path}: {error.strerror}; name another folder with --out",
                Exit.STORAGE,
            ) from None
        _point_latest(root, path.name)
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """An existing run; BenchError if the path is none."""
        if not (path / MANIFEST).is_file():
            raise BenchError(
                f"{path} is no run: it has no {MANIFEST}; name a folder below runs/"
            )
        return cls(path)

    def target(self, name: str) -> Path:
        """The folder of one target, made if it is new."""
        folder = self.path / "targets" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def trial(self, target: str, number: int) -> Path:
        """The folder of one trial, made if it is new."""
        return self._numbered(target, TRIAL, number)

    def probe(self, target: str, number: int) -> Path:
        """The folder of one probe of the knee, made if it is new."""
        return self._numbered(target, PROBE, number)

    def finished(self, target: str, kind: str) -> list[tuple[int, Path]]:
        """Trials (or probes) with all their samples; the rest was cut off."""
        found = self.numbered(target, kind)
        return [(n, path) for n, path in found if (path / WHOLE).is_file()]

    def numbered(self, target: str, kind: str) -> list[tuple[int, Path]]:
        """All folders of a kind, by number."""
        folders = (self.path / "targets" / target).glob(f"{kind}-*")
        return sorted((int(path.name[len(kind) + 1 :]), path) for path in folders)

    def _numbered(self, target: str, kind: str, number: int) -> Path:
        folder = self.target(target) / f"{kind}-{number}"
        folder.mkdir(exist_ok=True)
        return folder


def folder_for(kind: str, run: Path | None, root: Path) -> Path:
    """Where something that belongs to a run is put: into that run, or into a folder of
    its own below `root` (which `latest` does not point to)."""
    if run is not None:
        return RunFolder.open(run).path
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    path = root / f"{stamp}-{kind}-{secrets.token_hex(2)}"
    try:
        path.mkdir(parents=True)
    except OSError as error:
        raise BenchError(
            f"{path}: {error.strerror}; name another folder with --out", Exit.STORAGE
        ) from None
    return path


def write_json(path: Path, data: Any) -> None:
    """Write a whole JSON file atomically, readable and in the order given."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(orjson.dumps(data, option=orjson.OPT_INDENT_2))
    os.replace(partial, path)


def read_json(path: Path) -> Any:
    """Read a JSON file; BenchError says which one is missing or broken."""
    try:
        return orjson.loads(path.read_bytes())
    except OSError as error:
        raise BenchError(
            f"{path}: {error.strerror}; the run's folder is incomplete", Exit.STORAGE
        ) from None
    except orjson.JSONDecodeError as error:
        raise BenchError(f"{path} is not valid JSON: {error}", Exit.STORAGE) from None


def _point_latest(root: Path, name: str) -> None:
    partial = root / f".latest-{name}"
    partial.symlink_to(name)
    os.replace(partial, root / "latest")
