"""Which generators a run is to have, and how a run that goes on gets the same again."""

from dataclasses import dataclass
from typing import Any

from bench.errors import BenchError

GENERATORS_MAX = 256
HERE = "processes of this machine"
ELSEWHERE = "workers of a scheduler"


@dataclass(frozen=True, slots=True)
class CrewWish:
    """`count` generators: processes of this machine or, with the `address` of a
    dask.distributed scheduler, its workers (None: all that it has)."""

    count: int | None
    address: str = ""

    def recorded(self, count: int) -> dict[str, Any]:
        """What a manifest keeps: how many there were, and where. No address: it names
        a machine, and means nothing on another day."""
        return {"count": count, "where": ELSEWHERE if self.address else HERE}


def wish_of(count: int | None, address: str) -> CrewWish | None:
    """What the command line asks for; None for the load of the bench's own process."""
    if count is None and not address:
        return None
    if count is not None and not 1 <= count <= GENERATORS_MAX:
        raise BenchError(f"--generators: from 1 to {GENERATORS_MAX}, not {count}")
    return CrewWish(count, address)


def same_crew(
    recorded: dict[str, Any] | None, wish: CrewWish | None
) -> CrewWish | None:
    """The crew of a run that goes on or is done again: as many generators as it had.
    BenchError if they were elsewhere and nobody says where they are now."""
    if recorded is None:
        if wish is not None:
            raise BenchError(
                "this run was begun with the load of the bench's own process: go on "
                "without --generators and --workers"
            )
        return None
    count, address = int(recorded["count"]), "" if wish is None else wish.address
    if wish is not None and wish.count not in (None, count):
        raise BenchError(
            f"this run was begun with {count} generators, not {wish.count}"
        )
    if recorded["where"] == ELSEWHERE and not address:
        raise BenchError(
            f"this run had {count} generators on {ELSEWHERE}; say where it is now "
            "with --workers tcp://HOST:PORT"
        )
    return CrewWish(count, address if recorded["where"] == ELSEWHERE else "")
