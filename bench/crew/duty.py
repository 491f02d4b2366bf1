"""What a generator of a crew is told, and what it tells: plain values that travel.

Nothing here is a path or an open thing: a generator may sit on another machine. What a
target gave its clients (credentials, funded accounts) travels as the files' contents.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.descriptor import Descriptor
from bench.errors import BenchError
from bench.load.generator import LoadFacts
from bench.scenario.model import Scenario

CLIENT_FILES = ("admin.json", "accounts.json", "shop.json")


@dataclass(frozen=True, slots=True)
class Hello:
    """Who a generator is: versions must be the same everywhere, or the generators
    would not make the same schedule."""

    version: str
    python: str
    cpu: str
    cores: int


@dataclass(frozen=True, slots=True)
class Duty:
    """One trial's share: the schedule follows from scenario, seed and designs, and the
    generator cuts out shard `shard` of `shards` itself."""

    scenario: Scenario
    seed: int
    designs: int
    descriptor: Descriptor
    files: dict[str, bytes] = field(repr=False)
    shard: int = 0
    shards: int = 1


@dataclass(frozen=True, slots=True)
class Prepared:
    """What provisioning a shard's customers took, and what the target calls them:
    customers are numbers of the whole plan."""

    figures: dict[str, float]
    accounts: dict[str, int] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Progress:
    """Operations ended so far, those not served among them, and orders beyond the
    objective."""

    done: int = 0
    unserved: int = 0
    late: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """How a share ended: the generator's own figures, what only it can tell of its
    customers, and the sizes in bytes of the files of samples it holds."""

    load: LoadFacts
    scheduling: str
    observations: list[dict[str, Any]]
    files: dict[str, int]


def client_files(folder: Path) -> dict[str, bytes]:
    """What a target gave its clients, of the files that it has."""
    return {
        name: (folder / name).read_bytes()
        for name in CLIENT_FILES
        if (folder / name).is_file()
    }


def lay_out(files: dict[str, bytes], folder: Path) -> None:
    """Write a target's files into a private folder of this generator's."""
    for name, content in files.items():
        if name not in CLIENT_FILES:
            raise BenchError(f"a target's clients know no file '{name}'")
        path = folder / name
        path.touch(mode=0o600)
        path.write_bytes(content)
